import type { Clock } from '../../base/clock.ts';
import { untilAborted } from '../../base/deadline.ts';
import { type AdmissionLimits, type Pair, Room } from './room.ts';
import { WaitingLine } from './waiting-line.ts';

/** What is shorter than this is quick. */
const QUICK_MS = 2_000;

/** What runs, until it is disposed. */
export interface Running extends Disposable {
  /** It has done what it was to do: how long that took says something. */
  succeed(): void;
}

/** Lets as many run at once as the limits allow; of those that wait, the first by `order`. */
export class Turns<Ticket extends Pair> {
  private limits: AdmissionLimits;
  private readonly clock: Clock;
  /** Since when each runs, monotonic ms. */
  private readonly running = new Map<Ticket, number>();
  private readonly line: WaitingLine<Ticket>;
  /** Those in line, and how each learns that it is its turn. */
  private readonly waiting = new Map<Ticket, () => void>();
  private lastTookMs = Number.POSITIVE_INFINITY;

  constructor(limits: AdmissionLimits, order: (a: Ticket, b: Ticket) => number, clock: Clock) {
    this.limits = limits;
    this.line = new WaitingLine(order);
    this.clock = clock;
  }

  setLimits(limits: AdmissionLimits): void {
    this.limits = limits;
    this.admit();
  }

  /** Whether the last one succeeded in little time, and none that runs has taken more. */
  get areQuick(): boolean {
    const nowMs = this.clock.monotonicMs();
    return this.lastTookMs < QUICK_MS && [...this.running.values()].every((sinceMs) => nowMs - sinceMs < QUICK_MS);
  }

  /** Resolves when it is this one's turn; disposing the result lets others. Rejects with the signal's reason. */
  async take(ticket: Ticket, signal: AbortSignal): Promise<Running> {
    let admit = (): void => undefined;
    const admitted = new Promise<void>((resolve) => {
      admit = resolve;
    });
    this.waiting.set(ticket, admit);
    this.line.add(ticket);
    this.admit();
    try {
      await untilAborted(admitted, signal);
    } catch (error) {
      if (this.waiting.delete(ticket)) this.line.delete(ticket);
      this.running.delete(ticket);
      this.admit();
      throw error;
    }
    let hasSucceeded = false;
    return {
      succeed: () => {
        hasSucceeded = true;
      },
      [Symbol.dispose]: () => this.leave(ticket, hasSucceeded),
    };
  }

  private leave(ticket: Ticket, hasSucceeded: boolean): void {
    const sinceMs = this.running.get(ticket);
    if (sinceMs === undefined) return;
    this.running.delete(ticket);
    this.lastTookMs = hasSucceeded ? this.clock.monotonicMs() - sinceMs : Number.POSITIVE_INFINITY;
    this.admit();
  }

  private admit(): void {
    for (const ticket of this.line.takeRoom(new Room(this.limits, this.running.keys()))) {
      const admit = this.waiting.get(ticket);
      this.waiting.delete(ticket);
      this.line.delete(ticket);
      this.running.set(ticket, this.clock.monotonicMs());
      admit?.();
    }
  }
}
