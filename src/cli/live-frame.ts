import { createColors } from 'picocolors';
import { ASCII_GLYPHS, type FrameSize, type Glyphs, type Line, type Style, UNICODE_GLYPHS } from './demo/frame.ts';
import type { Environment, Output } from './demo/view.ts';

const REDRAW_INTERVAL_MS = 100;
const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const ERASE_LINE_END = '\u001B[K';
const ERASE_BELOW = '\u001B[J';
const CLEAR = '\u001B[2J\u001B[H';
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/**
 * A picture that is redrawn in place ten times a second. `compose` gives lines that fit into the size. Disposing it leaves the
 * last one on the terminal, with the cursor below it.
 */
export function createLiveFrame(
  output: Output,
  environment: Environment,
  compose: (size: FrameSize, glyphs: Glyphs) => readonly Line[],
): Disposable {
  const glyphs = knowsUnicode(environment) ? UNICODE_GLYPHS : ASCII_GLYPHS;
  const styles = stylesFor(environment);
  let drawn = { lines: 0, columns: 0 };

  const draw = () => {
    const size = { columns: output.columns ?? DEFAULT_SIZE.columns, rows: output.rows ?? DEFAULT_SIZE.rows };
    const lines = compose(size, glyphs);
    // A terminal made smaller has wrapped or scrolled what was drawn: nobody knows where that begins.
    const isSmaller = size.columns < drawn.columns || size.rows <= drawn.lines;
    const back = isSmaller ? CLEAR : cursorUp(drawn.lines);
    const text = lines.map((line) => `${paint(line, styles)}${ERASE_LINE_END}\n`).join('');
    output.write(`${back}${text}${ERASE_BELOW}`);
    drawn = { lines: lines.length, columns: size.columns };
  };

  output.write(HIDE_CURSOR);
  const timer = setInterval(draw, REDRAW_INTERVAL_MS);
  return {
    [Symbol.dispose]: () => {
      clearInterval(timer);
      draw();
      output.write(SHOW_CURSOR);
    },
  };
}

/** Redrawing in place needs a terminal that can move its cursor. */
export function canRedraw(output: Output, environment: Environment): boolean {
  return output.isTTY === true && environment['TERM'] !== 'dumb';
}

function cursorUp(lines: number): string {
  return lines === 0 ? '' : `\u001B[${lines}A`;
}

function paint(line: Line, styles: Readonly<Record<Style, (text: string) => string>>): string {
  return line.map(({ text, style }) => (text === '' ? '' : styles[style](text))).join('');
}

/** https://no-color.org */
function stylesFor({ NO_COLOR }: Environment): Readonly<Record<Style, (text: string) => string>> {
  const { bold, dim, green, yellow, red, cyan } = createColors(NO_COLOR === undefined || NO_COLOR === '');
  return { plain: (text) => text, bold, dim, green, yellow, red, cyan };
}

function knowsUnicode({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}
