import { describeError, errorCode, Failure, firstError } from '../base/failure.ts';

/** An errno, unlike the codes of libraries (`ERR_INVALID_URL`). */
const SYSTEM_CODE = /^E[A-Z0-9]+$/;

/**
 * Does what `work` does, but a system's error comes out as a Failure `DiskFull` or `DiskFailed` whose message begins with
 * `problem`: "the timeline cannot be written: ENOSPC: no space left on device". Other errors pass through.
 */
export async function explainDiskFailures<Output>(problem: string, work: () => Promise<Output>): Promise<Output> {
  try {
    return await work();
  } catch (thrown) {
    const error = firstError(thrown);
    const code = error instanceof Failure ? undefined : errorCode(error);
    if (code === undefined || !SYSTEM_CODE.test(code)) throw error;
    const reason = code === 'ENOSPC' || code === 'EDQUOT' ? 'DiskFull' : 'DiskFailed';
    throw new Failure(reason, `${problem}: ${describeError(error)}`, { cause: error });
  }
}
