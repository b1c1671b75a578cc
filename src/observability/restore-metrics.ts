import { Gauge, type Registry } from 'prom-client';

/** What the metrics of one restore show. */
export interface ObservedRestore {
  /** Timelines by what became of them. */
  timelines(): Readonly<Record<string, number>>;
  bytes(): number;
  durationSeconds(): number;
  /** Seconds since the epoch; undefined while it runs. */
  finishedSeconds(): number | undefined;
  /** Undefined while it runs. */
  exitCode(): number | undefined;
}

const PREFIX = 'safekeeper_restore_';

/** Registers the metrics of one restore; once for a registry. They are written to a file, so all of them are gauges. */
export function createRestoreMetrics(registry: Registry, restore: ObservedRestore): void {
  const gauge = (name: string, help: string, read: () => number | undefined) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        const value = read();
        if (value === undefined) this.remove();
        else this.set(value);
      },
    });
  const byOutcome = new Gauge({
    name: `${PREFIX}timelines`,
    help: 'Timelines by what became of them; pending ones wait or have not been tried.',
    labelNames: ['outcome'],
    collect() {
      for (const [outcome, count] of Object.entries(restore.timelines())) this.set({ outcome }, count);
    },
    registers: [],
  });
  registry.registerMetric(byOutcome);
  gauge('running', '1 while the restore runs.', () => (restore.exitCode() === undefined ? 1 : 0));
  gauge('bytes', 'Bytes of files that were copied.', () => restore.bytes());
  gauge('duration_seconds', 'How long it has taken.', () => restore.durationSeconds());
  gauge('finished_timestamp_seconds', 'When it ended.', () => restore.finishedSeconds());
  gauge('exit_code', '0 everything, 1 nothing, 3 refused for safety, 4 a part.', () => restore.exitCode());
}
