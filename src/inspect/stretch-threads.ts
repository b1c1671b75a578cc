import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Semaphore } from '../base/concurrency.ts';
import { Failure } from '../base/failure.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { openInDirectory } from '../disk/open-in-directory.ts';
import { allocateWalBuffers, type WalBuffers } from '../safekeeper/verify-wal.ts';
import { type CheckedStretch, checkStretch, type StretchChecker, type StretchJob } from './check-stretch.ts';
import { readOnlyFiles } from './read-only-files.ts';
import type { StretchAnswer } from './stretch-worker.ts';

/** Reads in this thread, one stretch at a time. */
export function checkInThisThread(files: FileSystem): StretchChecker {
  const readable = readOnlyFiles(files);
  const mutex = new Semaphore(1);
  let buffers: WalBuffers | undefined;
  return {
    concurrency: 1,
    check: async (job, signal) => {
      using _turn = await mutex.acquire(signal);
      buffers ??= allocateWalBuffers();
      return await checkStretch(openInDirectory(readable, job.directory), job.stretch, buffers, signal);
    },
  };
}

/** Reads in threads of their own, which are started when they are first needed; disposing ends them. */
export class StretchThreads implements StretchChecker, AsyncDisposable {
  readonly concurrency: number;
  private readonly script: URL;
  private readonly turns: Semaphore;
  private readonly idle: Worker[] = [];
  private readonly all = new Set<Worker>();

  /** `script` is what `stretch-worker.ts` was compiled to; `count` threads at most. */
  constructor(script: URL, count: number) {
    this.script = script;
    this.concurrency = count;
    this.turns = new Semaphore(count);
  }

  async check(job: StretchJob, signal: AbortSignal): Promise<CheckedStretch> {
    using _turn = await this.turns.acquire(signal);
    const worker = this.idle.pop() ?? this.start();
    const answer = await this.ask(worker, job, signal);
    this.idle.push(worker);
    if (answer.kind === 'Failed') throw new Failure(answer.reason, answer.problem);
    return answer.checked;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.all].map((worker) => worker.terminate()));
  }

  private start(): Worker {
    const worker = new Worker(this.script);
    this.all.add(worker);
    const forget = () => {
      this.all.delete(worker);
      const at = this.idle.indexOf(worker);
      if (at >= 0) this.idle.splice(at, 1);
    };
    // Whoever waits for an answer sees it, too; an error without a listener would end the process.
    worker.on('error', forget);
    worker.on('exit', forget);
    return worker;
  }

  /** A thread that fails or is given up is not asked again. */
  private async ask(worker: Worker, job: StretchJob, signal: AbortSignal): Promise<StretchAnswer> {
    const ended = new AbortController();
    const gone = once(worker, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Failure('ThreadFailed', `a thread that reads WAL ended with ${String(code)}`);
    });
    try {
      const answered = once(worker, 'message', { signal });
      worker.postMessage(job);
      const [answer] = (await Promise.race([answered, gone])) as [StretchAnswer];
      return answer;
    } catch (error) {
      signal.throwIfAborted();
      throw new Failure('ThreadFailed', 'a thread that reads WAL failed', { cause: error });
    } finally {
      ended.abort();
    }
  }
}
