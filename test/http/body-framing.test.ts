import { describe, expect, test } from 'vitest';
import { type BodyFraming, ChunkedFraming, LengthFraming, UnframedBody } from '../../src/http/body-framing.ts';

/** Content and what is left behind it, when the bytes come in pieces of this size. */
function read(framing: BodyFraming, text: string, pieceBytes: number): { content: string; isComplete: boolean } {
  const bytes = Buffer.from(text, 'latin1');
  let content = '';
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const piece = bytes.subarray(at, at + pieceBytes);
    for (let part = framing.next(piece, 0); part !== undefined; part = framing.next(piece, part.to)) {
      expect(part.to).toBeGreaterThan(part.from);
      content += piece.toString('latin1', part.from, part.to);
    }
  }
  return { content, isComplete: framing.isComplete };
}

const PIECES = [1, 2, 3, 7, 1000];

describe.each(PIECES)('chunks that come in pieces of %i bytes', (pieceBytes) => {
  test.each([
    ['one', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several, with capital digits and leading zeros', '00A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\n', '0123456789x'],
    ['content that looks like framing', '7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n\r\n'],
    ['extensions', '2;name="a;b";x=1\r\nab\r\n1;x\r\nc\r\n0;last\r\n\r\n', 'abc'],
    ['trailers', '1\r\na\r\n0\r\nx-check: 1\r\nother:\r\n\r\n', 'a'],
    ['something behind the end', '1\r\na\r\n0\r\n\r\nGARBAGE', 'a'],
    ['nothing', '0\r\n\r\n', ''],
  ])('%s', (_what, text, content) => {
    expect(read(new ChunkedFraming(), text, pieceBytes)).toEqual({ content, isComplete: true });
  });

  test.each(['', '5', '5\r\n', '5\r\nhel', '5\r\nhello', '5\r\nhello\r\n', '0', '0\r\n', '0\r\nx: y\r\n'])(
    'cut behind %j: not complete',
    (text) => {
      const framing = new ChunkedFraming();
      read(framing, text, pieceBytes);
      expect([framing.isComplete, framing.endsWithConnection]).toEqual([false, false]);
    },
  );

  test.each([
    ['no size', '\r\n'],
    ['no number', 'xyz\r\n'],
    ['a sign', '-1\r\na\r\n'],
    ['a prefix', '0x1\r\na\r\n'],
    ['a blank before the size', ' 1\r\na\r\n'],
    ['a size that no number can hold', '10000000000000\r\n'.padStart(20, 'f')],
    ['only LF behind the size', '1\na\r\n0\r\n\r\n'],
    ['a CR inside the size line', '1\r;\r\na\r\n0\r\n\r\n'],
    ['a blank behind the size', '1 \r\na\r\n0\r\n\r\n'],
    ['an empty extension', '1;\r\na\r\n0\r\n\r\n'],
    ['a control character in an extension', '1;\x01\r\na\r\n'],
    ['a longer chunk than it says', '1\r\nab\r\n0\r\n\r\n'],
    ['only LF behind a chunk', '1\r\na\n0\r\n\r\n'],
    ['a trailer that is none', '0\r\nno trailer\r\n\r\n'],
    ['a trailer that frames', '0\r\nContent-Length: 3\r\n\r\n'],
    ['a size line without an end', `1;${'x'.repeat(5_000)}`],
    ['trailers without an end', `0\r\n${'x: yyyyyyyyyyyyyyyyyyyy\r\n'.repeat(1_000)}`],
  ])('%s is refused', (_what, text) => {
    expect(() => read(new ChunkedFraming(), text, pieceBytes)).toThrow(
      expect.objectContaining({ reason: 'InvalidResponse' }),
    );
  });

  test('a length', () => {
    expect(read(new LengthFraming(5), 'hello!', pieceBytes)).toEqual({ content: 'hello', isComplete: true });
    expect(read(new LengthFraming(9), 'hello!', pieceBytes)).toEqual({ content: 'hello!', isComplete: false });
    expect(new LengthFraming(0).isComplete).toBe(true);
  });

  test('no framing at all', () => {
    const framing = new UnframedBody();
    expect(read(framing, 'hello', pieceBytes)).toEqual({ content: 'hello', isComplete: false });
    expect(framing.endsWithConnection).toBe(true);
  });
});
