import type { Clock } from './clock.ts';
import { untilAborted } from './deadline.ts';

/** One reading serves everybody who asks within this time, ms: as long as a reading may take anyway. */
const AGE_MAX_MS = 200;

/** Something that many want to know at once, and that need not be read for each of them. */
export class SharedReading<Value> {
  private readonly read: (signal: AbortSignal) => Promise<Value>;
  private readonly clock: Pick<Clock, 'monotonicMs'>;
  private latest: { readonly startedMs: number; readonly value: Promise<Value> } | undefined;

  /** `read` has a deadline of its own. */
  constructor(read: (signal: AbortSignal) => Promise<Value>, clock: Pick<Clock, 'monotonicMs'>) {
    this.read = read;
    this.clock = clock;
  }

  /** Rejects with the reading's failure or the signal's reason; whoever goes away does not end it for the others. */
  async get(signal: AbortSignal): Promise<Value> {
    signal.throwIfAborted();
    const nowMs = this.clock.monotonicMs();
    if (this.latest === undefined || nowMs - this.latest.startedMs > AGE_MAX_MS) {
      this.latest = { startedMs: nowMs, value: this.read(NEVER) };
    }
    return await untilAborted(this.latest.value, signal);
  }
}

const NEVER = new AbortController().signal;
