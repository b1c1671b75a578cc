/** How a timeline is to be treated: the cluster's `spec.recovery` with the timeline's own overrides. Times in ms. */
export interface RecoveryPolicy {
  readonly mode: 'Automatic' | 'Propose' | 'Disabled';
  readonly gracePeriodMs: number;
  readonly witnesses: 'All' | 'Quorum';
  readonly unknownTimeoutMs: number;
  readonly fencing: 'WhenIdle' | 'Always' | 'Never';
}

/** A recovery that keeps failing is said to be stalled from this attempt on; it goes on trying. */
export const ATTEMPTS_BEFORE_STALLED = 5;
const BACKOFF_FIRST_MS = 5_000;
const BACKOFF_MAX_MS = 5 * 60_000;

/** The wait after the given number of failed attempts: 5 s, doubling, at most 5 min. */
export function retryDelayMs(failedAttempts: number): number {
  return Math.min(BACKOFF_FIRST_MS * 2 ** Math.max(0, failedAttempts - 1), BACKOFF_MAX_MS);
}
