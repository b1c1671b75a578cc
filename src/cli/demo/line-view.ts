import type { Clock } from '../../base/clock.ts';
import type { Output } from '../terminal/output.ts';
import { formatBytes } from '../terminal/quantities.ts';
import type { TimelineRow } from './timeline-row.ts';
import type { StoryView } from './view.ts';

/** One line for each thing that happens, without control characters: for logs and pipes. */
export function createLineView(output: Output, clock: Clock): StoryView {
  const startedMs = clock.monotonicMs();
  const states = new Map<string, TimelineRow['state']>();
  const print = (text: string) => {
    const seconds = ((clock.monotonicMs() - startedMs) / 1_000).toFixed(1);
    output.write(`[${seconds.padStart(5)} s] ${text}\n`);
  };
  return {
    begin: (text) => print(`${text} ...`),
    done: print,
    show: (rows) => {
      for (const row of rows) {
        const isNew = states.get(row.name) !== row.state;
        states.set(row.name, row.state);
        const line = isNew ? describe(row) : undefined;
        if (line !== undefined) print(`  ${row.name}: ${line}`);
      }
    },
    [Symbol.dispose]: () => undefined,
  };
}

/** What is worth a line; that all timelines were found, or lost, is told once for all of them. */
function describe({ state, redundancy, donor, bytesExpected, message }: TimelineRow): string | undefined {
  switch (state) {
    case 'Restored':
      return `restored from safekeeper ${donor}, ${redundancy}, ${formatBytes(bytesExpected)}`;
    case 'Stalled':
      return message;
    default:
      return undefined;
  }
}
