import { assertNever } from '../../base/assert.ts';
import { type Clock, formatTimestamp } from '../../base/clock.ts';
import { retryDelayMs } from '../../domain/recovery-policy.ts';
import type { RecoveryTask } from './recovery-task.ts';
import { recoveryEntry, recoveryRecord } from './status.ts';
import { lookAgain, NOT_LOADED_RETRY_MS, type Tracking } from './tracking.ts';

/** Takes over how a recovery ended, if it has: what that means for the next attempt, and its line in the history. */
export function takeEnded(tracking: Tracking, clock: Clock): RecoveryTask | undefined {
  const { task } = tracking;
  if (task?.result === undefined) return undefined;
  const { result, intent, attempt } = task;
  tracking.task = undefined;
  const record = recoveryRecord(task, clock.wallTimeMs());
  if (record !== undefined) tracking.ended = [record, ...tracking.ended];
  switch (result.kind) {
    case 'Recovered':
      tracking.failed = undefined;
      return task;
    case 'NotLoaded':
      tracking.notLoadedUntilMs = new Map([
        ...tracking.notLoadedUntilMs,
        [intent.recipient, clock.monotonicMs() + NOT_LOADED_RETRY_MS],
      ]);
      return task;
    case 'Discarded':
    case 'Failed': {
      // What was seen of the donor's disk may be why.
      tracking.disks = lookAgain(tracking.disks);
      // A discarded plan waits too: whatever voids it may do so every time, and each fence raises terms.
      const delayMs = retryDelayMs(attempt);
      tracking.failed = {
        count: attempt,
        nextAttemptAtMs: clock.monotonicMs() + delayMs,
        reason: result.kind === 'Failed' ? result.reason : 'RecoveryFailed',
        message: result.message,
        entry: { ...recoveryEntry(task), nextAttemptAt: formatTimestamp(clock.wallTimeMs() + delayMs) },
      };
      return task;
    }
    // It keeps what it knows of disks, and gets in line again.
    case 'Overtaken':
    case 'Cancelled':
      return task;
    default:
      return assertNever(result);
  }
}
