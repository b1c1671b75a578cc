import { parentPort } from 'node:worker_threads';
import { describeError, Failure } from '../base/failure.ts';
import { openBlocking } from '../disk/blocking-directory.ts';
import { allocateWalBuffers } from '../safekeeper/verify-wal.ts';
import { type CheckedStretch, checkStretch, type StretchJob } from './check-stretch.ts';

/** What a thread says to a job. */
export type StretchAnswer =
  | { readonly kind: 'Checked'; readonly checked: CheckedStretch }
  | { readonly kind: 'Failed'; readonly reason: string; readonly problem: string };

/** The program of a thread of `StretchThreads`: one job after another until it is ended. */
export function answerJobs(port: NonNullable<typeof parentPort>): void {
  // One is enough: nothing can be read while something is scanned.
  const [buffer] = allocateWalBuffers();
  const neverAborted = new AbortController().signal;
  port.on('message', (job: StretchJob) => {
    void checkStretch(openBlocking(job.directory), job.stretch, [buffer], neverAborted).then(
      (checked) => port.postMessage({ kind: 'Checked', checked } satisfies StretchAnswer),
      (error: unknown) => {
        const reason = error instanceof Failure ? error.reason : 'DiskFailed';
        port.postMessage({ kind: 'Failed', reason, problem: describeError(error) } satisfies StretchAnswer);
      },
    );
  });
}
