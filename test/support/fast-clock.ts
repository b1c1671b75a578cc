import { type Clock, systemClock } from '../../src/base/clock.ts';

/** Real time, `factor` times as fast: a grace period of 15 s takes one. Only what sleeps through the clock is faster. */
export function fastClock(factor: number): Clock {
  const startWallMs = Date.now();
  const startMs = performance.now();
  const monotonicMs = () => (performance.now() - startMs) * factor;
  return {
    monotonicMs,
    wallTimeMs: () => startWallMs + monotonicMs(),
    sleep: (durationMs, signal) => systemClock.sleep(durationMs / factor, signal),
  };
}
