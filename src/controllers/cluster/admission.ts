import type { Clock } from '../../base/clock.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { ObjectKey } from '../../kube/object.ts';
import { type AdmissionLimits, multiply, type Pair, Room } from './room.ts';
import { type Running, Turns } from './turns.ts';
import { WaitingLine } from './waiting-line.ts';

/** Who goes first: the smaller in `presentReplicas`, then those with a compute, then first come, first served. */
export interface Exposure {
  readonly presentReplicas: number;
  readonly computeConnected: boolean;
}

/** A permit for one recovery between these two; disposing it lets others in. */
export interface Slot extends Disposable, Pair {
  /** Resolves when it is this recovery's turn for the last look before its pull. Rejects with the signal's reason. */
  takeTurn(signal: AbortSignal): Promise<Turn>;
}

/** To be disposed after the pull: that lets others. */
export interface Turn extends Disposable {
  /**
   * Resolves when the pull from this donor, whom the last look may have chosen anew, may begin, at once or soon; to be disposed
   * at its end. Rejects with the signal's reason.
   */
  startPull(donor: SafekeeperId, signal: AbortSignal): Promise<Running>;
}

interface Ticket extends Exposure, Pair {
  readonly key: ObjectKey;
  readonly arrival: number;
}

/**
 * How many more recoveries than pulls may run while pulls are quick, and of them be at their last look: looking at disks, fencing,
 * status and comparison then take longer than the pull between them, and the limits, which are for pulls, would go unused.
 */
const AHEAD_FACTOR = 12;
const LOOKS_FACTOR = 3;

/**
 * Bounded slots for recoveries (rule R12), most exposed timelines first. It never waits: who gets no slot is told
 * through `onFree` when it is worth asking again.
 */
export class Admission {
  private limits: AdmissionLimits;
  private readonly onFree: (key: ObjectKey) => void;
  private readonly running = new Map<ObjectKey, Ticket>();
  private readonly waiting = new Map<ObjectKey, Ticket>();
  /** The same tickets, most exposed first. */
  private readonly line = new WaitingLine<Ticket>(byExposure);
  /** Those in line who know that it is worth asking again, and have not yet. */
  private readonly told = new Set<ObjectKey>();
  private readonly looks: Turns<Ticket>;
  private readonly pulls: Turns<Ticket>;
  private arrivals = 0;

  constructor(limits: AdmissionLimits, onFree: (key: ObjectKey) => void, clock: Clock) {
    this.limits = limits;
    this.onFree = onFree;
    this.looks = new Turns(limits, byExposure, clock);
    this.pulls = new Turns(limits, byExposure, clock);
  }

  setLimits(limits: AdmissionLimits): void {
    this.limits = limits;
    this.pulls.setLimits(limits);
    this.looks.setLimits(this.ahead(LOOKS_FACTOR));
    this.announce();
  }

  /** A slot, or nothing while the limits or somebody more exposed are in the way; then `key` waits in line. */
  tryEnter(key: ObjectKey, recipient: SafekeeperId, donor: SafekeeperId, exposure: Exposure): Slot | undefined {
    const arrival = this.waiting.get(key)?.arrival ?? this.arrivals++;
    const ticket: Ticket = { ...exposure, key, recipient, donor, arrival };
    this.leaveLine(key);
    this.waiting.set(key, ticket);
    this.line.add(ticket);
    this.told.delete(key);
    if (!this.next().includes(ticket)) return undefined;
    this.leaveLine(key);
    this.running.set(key, ticket);
    return {
      recipient,
      donor,
      takeTurn: async (signal) => await this.takeTurn(ticket, signal),
      [Symbol.dispose]: () => this.leave(ticket),
    };
  }

  /** Leaves the line: the timeline no longer needs a recovery. */
  withdraw(key: ObjectKey): void {
    this.told.delete(key);
    if (this.leaveLine(key)) this.announce();
  }

  private leaveLine(key: ObjectKey): boolean {
    const ticket = this.waiting.get(key);
    if (ticket === undefined) return false;
    this.line.delete(ticket);
    return this.waiting.delete(key);
  }

  private async takeTurn(ticket: Ticket, signal: AbortSignal): Promise<Turn> {
    const look = await this.looks.take(ticket, signal);
    return {
      startPull: (donor, signal) => this.pulls.take({ ...ticket, donor }, signal),
      [Symbol.dispose]: () => {
        look[Symbol.dispose]();
        this.looks.setLimits(this.ahead(LOOKS_FACTOR));
        this.announce();
      },
    };
  }

  /** The limits, `factor` times while pulls are quick. */
  private ahead(factor: number): AdmissionLimits {
    return multiply(this.limits, this.pulls.areQuick ? factor : 1);
  }

  private leave(ticket: Ticket): void {
    if (this.running.get(ticket.key) !== ticket) return;
    this.running.delete(ticket.key);
    this.announce();
  }

  private room(): Room {
    return new Room(this.ahead(AHEAD_FACTOR), this.running.values());
  }

  /** Those in line who may enter now, most exposed first. */
  private next(): Ticket[] {
    return this.line.takeRoom(this.room(), ({ key }) => !this.running.has(key));
  }

  private announce(): void {
    for (const { key } of this.next()) {
      if (this.told.has(key)) continue;
      this.told.add(key);
      this.onFree(key);
    }
  }
}

function byExposure(a: Ticket, b: Ticket): number {
  return (
    a.presentReplicas - b.presentReplicas ||
    Number(b.computeConnected) - Number(a.computeConnected) ||
    a.arrival - b.arrival
  );
}
