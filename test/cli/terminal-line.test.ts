import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { printable } from '../../src/base/printable.ts';
import {
  clipLine,
  lineWidth,
  padEnd,
  plain,
  shortenName,
  span,
  takeColumns,
  widthOf,
  wrapText,
} from '../../src/cli/terminal/line.ts';
import { createPainter } from '../../src/cli/terminal/paint.ts';
import { Screen } from '../../src/cli/terminal/screen.ts';

const ANY_TEXT = fc.string({ unit: 'grapheme', maxLength: 60 }).map(printable);

describe('a text on a terminal', () => {
  test('is as wide as it looks', () => {
    expect(['abc', 'ファイル', 'é', '👩‍👩‍👧'].map(widthOf)).toEqual([3, 8, 1, 2]);
    expect(padEnd('ファ', 6)).toBe('ファ  ');
    expect(takeColumns('ファイル', 5)).toBe('ファ');
  });

  test('moves no cursor, whoever wrote it', () => {
    const text = printable('a\u001B[31mb\r\nc\u0007\u009Bd\u202Ee\u2028f');
    expect(text).toBe('a [31mb c d e f');
  });

  test('is wrapped and clipped to any width, and only clipping loses anything', () => {
    fc.assert(
      fc.property(ANY_TEXT, fc.integer({ min: 2, max: 30 }), (text, width) => {
        const lines = wrapText(text, width);
        const isOne = (line: string) => [...new Intl.Segmenter().segment(line)].length === 1;
        for (const line of lines) expect(widthOf(line) <= width || isOne(line), line).toBe(true);
        expect(lines.join('').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
        expect(lineWidth(clipLine([plain(text), span(text, 'red')], width, '…'))).toBeLessThanOrEqual(width);
      }),
    );
  });

  test('keeps words together where there is room, and both ends of names', () => {
    expect(wrapText('one two  three', 7)).toEqual(['one two', 'three']);
    expect(wrapText('abcdefgh ij', 3)).toEqual(['abc', 'def', 'gh', 'ij']);
    expect(wrapText('', 10)).toEqual(['']);
    expect(shortenName('abcdefghij', 7, '…')).toBe('abc…hij');
    expect(shortenName('abc', 7, '…')).toBe('abc');
  });
});

describe('colours', () => {
  const line = [span('x', 'red')];
  const output = (isTTY: boolean) => ({ isTTY, write: () => true });
  test.each([
    ['a terminal', true, {}, true],
    ['no terminal', false, {}, false],
    ['NO_COLOR', true, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, { NO_COLOR: '' }, true],
    ['NO_COLOR and FORCE_COLOR', true, { NO_COLOR: '1', FORCE_COLOR: '1' }, false],
    ['FORCE_COLOR', false, { FORCE_COLOR: '1' }, true],
    ['FORCE_COLOR=0', true, { FORCE_COLOR: '0' }, false],
    ['a dumb terminal', true, { TERM: 'dumb' }, false],
  ])('%s', (_what, isTTY, environment, isColoured) => {
    expect(createPainter(output(isTTY), environment)(line) !== 'x').toBe(isColoured);
  });
});

test('a screen goes back over what it drew, and starts anew when it no longer fits', () => {
  const written: string[] = [];
  const terminal = { isTTY: true, columns: 80, rows: 24, write: (text: string) => written.push(text) > 0 };
  {
    using screen = new Screen(terminal, (line) => line.map(({ text }) => text).join(''));
    screen.draw([[plain('one')], [plain('two')]]);
    screen.draw([[plain('three')]]);
    terminal.columns = 60;
    screen.draw([[plain('four')]]);
  }
  expect(written).toEqual([
    '\u001B[?25l',
    'one\u001B[K\ntwo\u001B[K\n\u001B[J',
    '\u001B[2Athree\u001B[K\n\u001B[J',
    '\u001B[2J\u001B[Hfour\u001B[K\n\u001B[J',
    '\u001B[?25h',
  ]);
});
