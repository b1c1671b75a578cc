import type { Line } from './line.ts';
import type { Output } from './output.ts';
import type { Painter } from './paint.ts';

const HIDE_CURSOR = '\u001B[?25l';
const SHOW_CURSOR = '\u001B[?25h';
const ERASE_LINE_END = '\u001B[K';
const ERASE_BELOW = '\u001B[J';
const CLEAR = '\u001B[2J\u001B[H';
const DEFAULT_SIZE = { columns: 80, rows: 24 };

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * A picture that is redrawn in place. The last one stays on the terminal, with the cursor below it. Lines must be
 * narrower than the terminal, and fewer than it has rows.
 */
export class Screen implements Disposable {
  private readonly output: Output;
  private readonly paint: Painter;
  private drawn = { lines: 0, columns: 0 };

  /** Hides the cursor until it is disposed. */
  constructor(output: Output, paint: Painter) {
    this.output = output;
    this.paint = paint;
    output.write(HIDE_CURSOR);
  }

  size(): ScreenSize {
    return { columns: this.output.columns || DEFAULT_SIZE.columns, rows: this.output.rows || DEFAULT_SIZE.rows };
  }

  draw(lines: readonly Line[]): void {
    const { columns, rows } = this.size();
    // A terminal made smaller has wrapped or scrolled what was drawn: nobody knows where that begins.
    const isSmaller = columns < this.drawn.columns || rows <= this.drawn.lines;
    const back = isSmaller ? CLEAR : cursorUp(this.drawn.lines);
    const text = lines.map((line) => `${this.paint(line)}${ERASE_LINE_END}\n`).join('');
    this.output.write(`${back}${text}${ERASE_BELOW}`);
    this.drawn = { lines: lines.length, columns };
  }

  [Symbol.dispose](): void {
    this.output.write(SHOW_CURSOR);
  }
}

function cursorUp(lines: number): string {
  return lines === 0 ? '' : `\u001B[${lines}A`;
}
