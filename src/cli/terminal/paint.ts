import { createColors } from 'picocolors';
import type { Line, Style } from './line.ts';
import type { Environment, Output } from './output.ts';

export type Colors = ReturnType<typeof createColors>;

/** Turns a line into text for one output. */
export type Painter = (line: Line) => string;

/** What makes text coloured for one output: colours on a terminal, unless NO_COLOR (https://no-color.org) says otherwise, and where FORCE_COLOR asks for them. */
export function colorsFor(output: Output, environment: Environment): Colors {
  return createColors(wantsColors(output, environment));
}

/** The same for lines. */
export function createPainter(output: Output, environment: Environment): Painter {
  const { bold, dim, green, yellow, red, cyan } = colorsFor(output, environment);
  const styles: Readonly<Record<Style, (text: string) => string>> = {
    plain: (text) => text,
    bold,
    dim,
    green,
    yellow,
    red,
    cyan,
  };
  return (line) => line.map(({ text, style }) => (text === '' ? '' : styles[style](text))).join('');
}

function wantsColors(output: Output, { NO_COLOR, FORCE_COLOR, TERM }: Environment): boolean {
  if (isSet(NO_COLOR)) return false;
  return isSet(FORCE_COLOR) ? FORCE_COLOR !== '0' : output.isTTY === true && TERM !== 'dumb';
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}
