import type { Clock } from '../../base/clock.ts';
import { untilAborted } from '../../base/deadline.ts';
import { type AdmissionLimits, type Pair, Room } from './room.ts';

/** What is shorter than this is quick. */
const QUICK_MS = 2_000;

interface Waiter<Ticket> {
  readonly ticket: Ticket;
  readonly admit: () => void;
}

/** What runs, until it is disposed. */
export interface Running extends Disposable {
  /** It has done what it was to do: how long that took says something. */
  succeed(): void;
}

/** Lets as many run at once as the limits allow; of those that wait, the first by `order`. */
export class Turns<Ticket extends Pair> {
  private limits: AdmissionLimits;
  private readonly order: (a: Ticket, b: Ticket) => number;
  private readonly clock: Clock;
  /** Since when each runs, monotonic ms. */
  private readonly running = new Map<Ticket, number>();
  private waiting: Array<Waiter<Ticket>> = [];
  private lastTookMs = Number.POSITIVE_INFINITY;

  constructor(limits: AdmissionLimits, order: (a: Ticket, b: Ticket) => number, clock: Clock) {
    this.limits = limits;
    this.order = order;
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
    const waiter = { ticket, admit };
    this.waiting.push(waiter);
    this.admit();
    try {
      await untilAborted(admitted, signal);
    } catch (error) {
      this.waiting = this.waiting.filter((other) => other !== waiter);
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
    const line = [...this.waiting].sort((a, b) => this.order(a.ticket, b.ticket));
    const room = new Room(this.limits, this.running.keys());
    const admitted = new Set(room.takeAll(line.map(({ ticket }) => ticket)));
    const [enter, stay] = [
      this.waiting.filter(({ ticket }) => admitted.has(ticket)),
      this.waiting.filter(({ ticket }) => !admitted.has(ticket)),
    ];
    this.waiting = stay;
    for (const { ticket, admit } of enter) {
      this.running.set(ticket, this.clock.monotonicMs());
      admit();
    }
  }
}
