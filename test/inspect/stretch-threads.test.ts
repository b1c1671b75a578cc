import { setMaxListeners } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lsn } from '../../src/domain/lsn.ts';
import type { StretchJob } from '../../src/inspect/check-stretch.ts';
import { StretchThreads } from '../../src/inspect/stretch-threads.ts';

const never = new AbortController().signal;
// As the command does: whatever is under way listens.
setMaxListeners(0, never);
const job: StretchJob = {
  directory: '/nowhere',
  stretch: {
    startLsn: lsn(8n),
    insideRecord: false,
    limitLsn: undefined,
    walSegmentSize: 1024 * 1024,
    pgVersion: 160_000,
    systemId: 0n,
  },
};

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'threads-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

/** Threads that do to each job what the script says. */
async function threadsOf(onJob: string, count = 1): Promise<StretchThreads> {
  const path = join(directory, 'worker.mjs');
  const head = "import { parentPort, threadId } from 'node:worker_threads';";
  await writeFile(path, `${head}\nparentPort.on('message', (job) => { ${onJob} });`);
  return new StretchThreads(pathToFileURL(path), count);
}

test('what a thread cannot read is a failure with its reason', async () => {
  await using threads = await threadsOf(
    "parentPort.postMessage({ kind: 'Failed', reason: 'DiskFailed', problem: 'EIO: i/o error, read' })",
  );
  await expect(threads.check(job, never)).rejects.toMatchObject({
    reason: 'DiskFailed',
    message: 'EIO: i/o error, read',
  });
});

test.each([
  ['throws', "throw new Error('out of luck')"],
  ['ends', 'process.exit(3)'],
])('a thread that %s fails its job only: the next one has a new thread', async (_, onJob) => {
  const answer = "parentPort.postMessage({ kind: 'Checked', checked: job.directory })";
  await using threads = await threadsOf(`if (job.directory === '/nowhere') { ${onJob} } else { ${answer} }`);
  await expect(threads.check(job, never)).rejects.toMatchObject({ reason: 'ThreadFailed' });
  expect(await threads.check({ ...job, directory: '/somewhere' }, never)).toBe('/somewhere');
});

test('a thread that does not answer is given up when the work is', async () => {
  await using threads = await threadsOf('');
  const stop = new AbortController();
  const checking = threads.check(job, stop.signal);
  const waiting = threads.check(job, stop.signal);
  stop.abort(new Error('enough'));
  await expect(checking).rejects.toThrow('enough');
  await expect(waiting).rejects.toThrow('enough');
});

test('no more threads than allowed, and each is used again', async () => {
  const answer = "parentPort.postMessage({ kind: 'Checked', checked: threadId })";
  await using threads = await threadsOf(`setTimeout(() => ${answer}, 5)`, 2);
  const ids = await Promise.all(Array.from({ length: 12 }, () => threads.check(job, never)));
  expect(new Set(ids).size).toBe(2);
});
