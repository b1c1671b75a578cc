import { ASCII_GLYPHS, type Glyphs, UNICODE_GLYPHS } from './glyphs.ts';
import type { Line } from './line.ts';
import { type Environment, knowsUnicode, type Output } from './output.ts';
import { createPainter } from './paint.ts';
import { Screen, type ScreenSize } from './screen.ts';

const REDRAW_INTERVAL_MS = 100;

/**
 * A picture that is redrawn in place ten times a second. `compose` gives lines that fit into the size. Disposing it leaves the
 * last one on the terminal, with the cursor below it.
 */
export function createLiveFrame(
  output: Output,
  environment: Environment,
  compose: (size: ScreenSize, glyphs: Glyphs) => readonly Line[],
): Disposable {
  const glyphs = knowsUnicode(environment) ? UNICODE_GLYPHS : ASCII_GLYPHS;
  const screen = new Screen(output, createPainter(output, environment));
  const draw = () => screen.draw(compose(screen.size(), glyphs));
  const timer = setInterval(draw, REDRAW_INTERVAL_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      draw();
      screen[Symbol.dispose]();
    },
  };
}
