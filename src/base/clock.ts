/** The longest that a timer can wait, about 24 days; Node fires a longer one at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Time, passed in so that tests own it. */
export interface Clock {
  /** Milliseconds since the epoch; for what people and APIs read. */
  wallTimeMs(): number;
  /** Milliseconds of a clock that never goes back; for durations and deadlines. */
  monotonicMs(): number;
  /** Resolves after `durationMs`, at most {@link TIMER_MS_MAX}; rejects with the signal's reason as soon as it is aborted. */
  sleep(durationMs: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  wallTimeMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep: (durationMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const onAbort = () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      };
      const timer = setTimeout(
        () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
        Math.min(durationMs, TIMER_MS_MAX),
      );
      signal.addEventListener('abort', onAbort, { once: true });
    }),
};

/** RFC 3339 in UTC with whole seconds: the form of Kubernetes timestamps. */
export function formatTimestamp(wallTimeMs: number): string {
  return `${new Date(wallTimeMs).toISOString().slice(0, 19)}Z`;
}
