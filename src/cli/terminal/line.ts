import stringWidth from 'string-width';

export type Style = 'plain' | 'bold' | 'dim' | 'green' | 'yellow' | 'red' | 'cyan';

/** A piece of a line; its text has no control characters. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

/** Far longer than any line; keeps the measuring of a text from taking long. */
const MEASURED_LENGTH_MAX = 4_096;

export function span(text: string, style: Style): Span {
  return { text, style };
}

export function plain(text: string): Span {
  return { text, style: 'plain' };
}

/** Columns that a text takes on a terminal. */
export function widthOf(text: string): number {
  return stringWidth(text);
}

export function lineWidth(line: Line): number {
  return line.reduce((sum, { text }) => sum + widthOf(text), 0);
}

/** Fills up with spaces; what is longer stays as it is. */
export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - widthOf(text)));
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - widthOf(text))) + text;
}

/** The longest beginning that fits; characters are never cut in two. */
export function takeColumns(text: string, width: number): string {
  const measured = text.slice(0, MEASURED_LENGTH_MAX);
  if (widthOf(measured) <= width) return measured;
  let taken = '';
  let left = width;
  for (const { segment } of new Intl.Segmenter().segment(measured)) {
    left -= widthOf(segment);
    if (left < 0) break;
    taken += segment;
  }
  return taken;
}

/** As people count characters: with everything that is combined with it. */
function firstCharacter(text: string): string {
  const [first] = new Intl.Segmenter().segment(text.slice(0, MEASURED_LENGTH_MAX));
  return first?.segment ?? '';
}

/** At most `width` columns; what is cut off at the end is marked. */
export function clipLine(line: Line, width: number, ellipsis: string): Line {
  if (lineWidth(line) <= width) return line;
  const clipped: Span[] = [];
  let left = Math.max(width - widthOf(ellipsis), 0);
  for (const { text, style } of line) {
    const taken = takeColumns(text, left);
    clipped.push({ text: taken, style });
    left -= widthOf(taken);
    if (taken !== text) break;
  }
  return [...clipped, span(ellipsis, 'dim')];
}

/** Both ends tell names apart: the cluster and tenant stand first, the timeline last. Names are ASCII. */
export function shortenName(name: string, width: number, ellipsis: string): string {
  if (name.length <= width) return name;
  const tail = Math.floor((width - 1) / 2);
  return name.slice(0, width - 1 - tail) + ellipsis + name.slice(name.length - tail);
}

/** The text on lines of at most `width` columns, broken at spaces where there are any. */
export function wrapText(text: string, width: number): string[] {
  if (!Number.isFinite(width)) return [text];
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/ +/)) {
    const joined = line === '' ? word : `${line} ${word}`;
    if (widthOf(joined) <= width) {
      line = joined;
      continue;
    }
    if (line !== '') lines.push(line);
    line = word;
    // A word that no line has room for; a character that is too wide itself goes on a line of its own.
    while (widthOf(line) > width) {
      const taken = takeColumns(line, width) || firstCharacter(line);
      lines.push(taken);
      line = line.slice(taken.length);
    }
  }
  return line === '' && lines.length > 0 ? lines : [...lines, line];
}
