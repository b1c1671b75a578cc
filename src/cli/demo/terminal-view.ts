import type { Clock } from '../../base/clock.ts';
import { createLiveFrame } from '../terminal/live-frame.ts';
import type { Environment, Output } from '../terminal/output.ts';
import { composeFrame } from './frame.ts';
import type { TimelineRow } from './timeline-row.ts';
import type { StoryView } from './view.ts';

/** A picture that is redrawn in place. The last one stays on the terminal, with the cursor below it. */
export function createTerminalView(
  output: Output,
  environment: Environment,
  clock: Clock,
  diskTitle: string,
): StoryView {
  const startedMs = clock.monotonicMs();
  const story = { diskTitle, done: [] as string[], rows: [] as readonly TimelineRow[] };
  let doing: (() => string) | undefined;
  const frame = createLiveFrame(output, environment, (size, glyphs) =>
    composeFrame({ ...story, elapsedMs: clock.monotonicMs() - startedMs, doing: doing?.() }, size, glyphs),
  );
  return {
    begin: (text, detail) => {
      doing = () => (detail === undefined ? text : `${text}${detail()}`);
    },
    done: (text) => {
      story.done.push(text);
      doing = undefined;
    },
    show: (rows) => {
      story.rows = rows;
    },
    [Symbol.dispose]: () => frame[Symbol.dispose](),
  };
}
