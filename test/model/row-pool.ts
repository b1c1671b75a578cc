import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { build } from 'esbuild';
import type { RowResult } from './report.ts';
import type { Row } from './rows.ts';

/**
 * Worker threads that explore rows, first come first served. They run one bundle of the model: with the test runner's
 * own module loading, where every import is a property of an object, it takes more than twice as long.
 */
export class RowPool {
  private readonly directory: string;
  private readonly idle: Worker[];
  private readonly workers: readonly Worker[];
  private readonly waiting: ((worker: Worker) => void)[] = [];

  private constructor(directory: string, workers: readonly Worker[]) {
    this.directory = directory;
    this.workers = workers;
    this.idle = [...workers];
  }

  static async start(workerCount: number): Promise<RowPool> {
    const directory = await mkdtemp(join(tmpdir(), 'model-check-'));
    const outfile = join(directory, 'row-worker.mjs');
    await build({
      entryPoints: [join(import.meta.dirname, 'row-worker.ts')],
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      outfile,
    });
    return new RowPool(
      directory,
      Array.from({ length: workerCount }, () => new Worker(outfile)),
    );
  }

  async check(row: Row): Promise<RowResult> {
    const worker = this.idle.pop() ?? (await new Promise<Worker>((resolve) => this.waiting.push(resolve)));
    worker.postMessage(row.name);
    // Rejects when the worker throws.
    const [result] = (await once(worker, 'message')) as [RowResult];
    const next = this.waiting.shift();
    if (next === undefined) this.idle.push(worker);
    else next(worker);
    return result;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
    await rm(this.directory, { recursive: true, force: true });
  }
}
