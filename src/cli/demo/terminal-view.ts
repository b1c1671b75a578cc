import type { Clock } from '../../base/clock.ts';
import { type Environment, knowsUnicode, type Output } from '../terminal/output.ts';
import { createPainter } from '../terminal/paint.ts';
import { Screen } from '../terminal/screen.ts';
import { ASCII_GLYPHS, composeFrame, UNICODE_GLYPHS } from './frame.ts';
import type { TimelineRow } from './timeline-row.ts';
import type { StoryView } from './view.ts';

const REDRAW_INTERVAL_MS = 100;

/** A picture that is redrawn in place. The last one stays on the terminal, with the cursor below it. */
export function createTerminalView(
  output: Output,
  environment: Environment,
  clock: Clock,
  diskTitle: string,
): StoryView {
  const glyphs = knowsUnicode(environment) ? UNICODE_GLYPHS : ASCII_GLYPHS;
  const startedMs = clock.monotonicMs();
  const story = { diskTitle, done: [] as string[], rows: [] as readonly TimelineRow[] };
  const screen = new Screen(output, createPainter(output, environment));
  let doing: (() => string) | undefined;

  const draw = () => {
    const elapsedMs = clock.monotonicMs() - startedMs;
    screen.draw(composeFrame({ ...story, elapsedMs, doing: doing?.() }, screen.size(), glyphs));
  };

  const timer = setInterval(draw, REDRAW_INTERVAL_MS);
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
    [Symbol.dispose]: () => {
      clearInterval(timer);
      draw();
      screen[Symbol.dispose]();
    },
  };
}
