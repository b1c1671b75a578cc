import type { SafekeeperId } from '../../domain/ids.ts';
import type { ObjectKey } from '../../kube/object.ts';

/** How many recoveries may run at once. */
export interface AdmissionLimits {
  readonly maxConcurrent: number;
  readonly maxPerRecipient: number;
  readonly maxPerDonor: number;
}

/** Who goes first: the smaller in `presentReplicas`, then those with a compute, then first come, first served. */
export interface Exposure {
  readonly presentReplicas: number;
  readonly computeConnected: boolean;
}

interface Ticket extends Exposure {
  readonly key: ObjectKey;
  readonly recipient: SafekeeperId;
  readonly donor: SafekeeperId;
  readonly arrival: number;
}

/**
 * Bounded slots for recoveries (rule R12), most exposed timelines first. It never waits: who gets no slot is told
 * through `onFree` when it is worth asking again.
 */
export class Admission {
  private limits: AdmissionLimits;
  private readonly onFree: (key: ObjectKey) => void;
  private readonly running = new Map<ObjectKey, Ticket>();
  private readonly waiting = new Map<ObjectKey, Ticket>();
  private arrivals = 0;

  constructor(limits: AdmissionLimits, onFree: (key: ObjectKey) => void) {
    this.limits = limits;
    this.onFree = onFree;
  }

  setLimits(limits: AdmissionLimits): void {
    this.limits = limits;
    this.announce();
  }

  /** A permit, or nothing while the limits or somebody more exposed are in the way; then `key` waits in line. */
  tryEnter(key: ObjectKey, recipient: SafekeeperId, donor: SafekeeperId, exposure: Exposure): Disposable | undefined {
    const arrival = this.waiting.get(key)?.arrival ?? this.arrivals++;
    const ticket: Ticket = { ...exposure, key, recipient, donor, arrival };
    this.waiting.set(key, ticket);
    if (this.running.has(key) || this.nextToEnter(ticket) !== ticket) return undefined;
    this.waiting.delete(key);
    this.running.set(key, ticket);
    return { [Symbol.dispose]: () => this.leave(ticket) };
  }

  /** Leaves the line: the timeline no longer needs a recovery. */
  withdraw(key: ObjectKey): void {
    if (this.waiting.delete(key)) this.announce();
  }

  get runningCount(): number {
    return this.running.size;
  }

  private leave(ticket: Ticket): void {
    if (this.running.get(ticket.key) !== ticket) return;
    this.running.delete(ticket.key);
    this.announce();
  }

  /** The first in line among those whose recipient and donor have room, if `candidate` is to be let in at all. */
  private nextToEnter(candidate: Ticket): Ticket | undefined {
    if (!this.hasRoom(candidate)) return undefined;
    const free = this.limits.maxConcurrent - this.running.size;
    const line = [...this.waiting.values()].filter((ticket) => this.hasRoom(ticket)).sort(byExposure);
    return line.slice(0, Math.max(free, 0)).find((ticket) => ticket === candidate);
  }

  private hasRoom({ recipient, donor }: Ticket): boolean {
    const running = [...this.running.values()];
    return (
      running.length < this.limits.maxConcurrent &&
      running.filter((ticket) => ticket.recipient === recipient).length < this.limits.maxPerRecipient &&
      running.filter((ticket) => ticket.donor === donor).length < this.limits.maxPerDonor
    );
  }

  private announce(): void {
    const free = this.limits.maxConcurrent - this.running.size;
    const line = [...this.waiting.values()].filter((ticket) => this.hasRoom(ticket)).sort(byExposure);
    for (const { key } of line.slice(0, Math.max(free, 0))) this.onFree(key);
  }
}

function byExposure(a: Ticket, b: Ticket): number {
  return (
    a.presentReplicas - b.presentReplicas ||
    Number(b.computeConnected) - Number(a.computeConnected) ||
    a.arrival - b.arrival
  );
}
