import { resolve } from 'node:path';
import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/failure.ts';
import type { Logger } from '../../base/log.ts';
import { writeFileDurably } from '../../disk/durable.ts';
import type { FileSystem } from '../../disk/file-system.ts';
import { createRegistry } from '../../observability/metrics.ts';
import { createRestoreMetrics } from '../../observability/restore-metrics.ts';
import type { Tally } from '../../restore/tally.ts';
import type { TransferRegistry } from '../../transfer/transfer-progress.ts';

const WRITE_INTERVAL_MS = 10_000;

/** Metrics of one restore in a file, which is whole at any time. */
export interface Textfile {
  /** Writes it for the last time. Never throws: metrics that cannot be written are no reason to fail. */
  finish(exitCode: number): Promise<void>;
}

export interface TextfileOptions {
  readonly path: string;
  readonly files: FileSystem;
  readonly tally: Tally;
  readonly transfers: TransferRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Writes it now and then until it is finished. */
export function startTextfile({ path, files, tally, transfers, clock, log }: TextfileOptions): Textfile {
  const registry = createRegistry();
  const startedMs = clock.monotonicMs();
  let end: { readonly exitCode: number; readonly seconds: number } | undefined;
  createRestoreMetrics(registry, {
    timelines: () => ({ ...tally.counts, pending: tally.known - tally.ended }),
    bytes: () => transfers.totals('Pull').bytes,
    durationSeconds: () => (clock.monotonicMs() - startedMs) / 1_000,
    finishedSeconds: () => end?.seconds,
    exitCode: () => end?.exitCode,
  });
  const write = async () => {
    try {
      await writeFileDurably(files, resolve(path), Buffer.from(await registry.metrics()));
    } catch (error) {
      log.warn({ path, problem: describeError(error) }, 'metrics not written');
    }
  };
  // One after another: two writers would share one partial file.
  let writing = write();
  const timer = setInterval(() => {
    writing = writing.then(write);
  }, WRITE_INTERVAL_MS);
  return {
    finish: async (exitCode) => {
      clearInterval(timer);
      end = { exitCode, seconds: clock.wallTimeMs() / 1_000 };
      await writing.then(write);
    },
  };
}
