import { parentPort } from 'node:worker_threads';
import { describeError, Failure } from '../base/failure.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { allocateWalBuffers } from '../safekeeper/verify-wal.ts';
import { type CheckedStretch, checkStretch, type StretchJob } from './check-stretch.ts';
import { readOnlyFiles } from './read-only-files.ts';

/** What a thread says to a job. */
export type StretchAnswer =
  | { readonly kind: 'Checked'; readonly checked: CheckedStretch }
  | { readonly kind: 'Failed'; readonly reason: string; readonly problem: string };

/** The program of a thread of `StretchThreads`: one job after another until it is ended. */
export function answerJobs(port: NonNullable<typeof parentPort>): void {
  const files = readOnlyFiles(nodeFileSystem);
  const buffers = allocateWalBuffers();
  const neverAborted = new AbortController().signal;
  port.on('message', (job: StretchJob) => {
    void checkStretch(files, job, buffers, neverAborted).then(
      (checked) => port.postMessage({ kind: 'Checked', checked } satisfies StretchAnswer),
      (error: unknown) => {
        const reason = error instanceof Failure ? error.reason : 'DiskFailed';
        port.postMessage({ kind: 'Failed', reason, problem: describeError(error) } satisfies StretchAnswer);
      },
    );
  });
}
