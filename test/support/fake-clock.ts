import type { Clock } from '../../src/base/clock.ts';

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Time that only moves when a test says so. Monotonic time starts at 0. */
export class FakeClock implements Clock {
  private nowMs = 0;
  private readonly wallOffsetMs: number;
  private readonly sleepers = new Set<Sleeper>();

  constructor(wallStart = '2026-01-01T00:00:00Z') {
    this.wallOffsetMs = Date.parse(wallStart);
  }

  wallTimeMs(): number {
    return this.wallOffsetMs + this.nowMs;
  }

  monotonicMs(): number {
    return this.nowMs;
  }

  sleep(durationMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = () => {
        this.sleepers.delete(sleeper);
        reject(signal.reason as Error);
      };
      const wake = () => {
        this.sleepers.delete(sleeper);
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const sleeper = { atMs: this.nowMs + Math.max(0, durationMs), wake };
      this.sleepers.add(sleeper);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** How long each sleeper still has, shortest first. */
  pendingSleepsMs(): number[] {
    return [...this.sleepers].map((sleeper) => sleeper.atMs - this.nowMs).sort((a, b) => a - b);
  }

  /** Moves time on and wakes in order whoever is due; what a woken one starts runs before the next is woken. */
  async advance(durationMs: number): Promise<void> {
    const targetMs = this.nowMs + durationMs;
    await settle();
    for (let next = this.earliest(targetMs); next !== undefined; next = this.earliest(targetMs)) {
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.wake();
      await settle();
    }
    this.nowMs = targetMs;
  }

  /** Moves time on at once, as for a process that was frozen: only then everybody who is due is woken, in order. */
  async thaw(durationMs: number): Promise<void> {
    this.nowMs += durationMs;
    await this.advance(0);
  }

  private earliest(targetMs: number): Sleeper | undefined {
    let earliest: Sleeper | undefined;
    for (const sleeper of this.sleepers) {
      if (sleeper.atMs <= targetMs && (earliest === undefined || sleeper.atMs < earliest.atMs)) earliest = sleeper;
    }
    return earliest;
  }
}

/** Lets everything run that waits for no timer and no I/O. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
}
