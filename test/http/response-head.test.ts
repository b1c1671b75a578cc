import { describe, expect, test } from 'vitest';
import { framingOf, type ResponseHead, ResponseHeadReader } from '../../src/http/response-head.ts';

/** The head, and what was not used, when the bytes come in pieces of this size; undefined when it has no end. */
function read(text: string, pieceBytes: number): { head: ResponseHead; rest: string } | undefined {
  const bytes = Buffer.from(text, 'latin1');
  const reader = new ResponseHeadReader();
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const found = reader.push(bytes.subarray(at, at + pieceBytes));
    if (found !== undefined) return { head: found.head, rest: bytes.toString('latin1', at + found.usedBytes) };
  }
  return undefined;
}

describe.each([1, 5, 100_000])('a head in pieces of %i bytes', (pieceBytes) => {
  test('is read, and nothing behind it', () => {
    const text = 'HTTP/1.1 200 OK\r\nX-One: a b \r\nx-two:\r\nX-ONE:\tc\r\n\r\nbody\r\n\r\n';
    expect(read(text, pieceBytes)).toEqual({
      head: { status: 200, headers: { 'x-one': ['a b', 'c'], 'x-two': '' } },
      rest: 'body\r\n\r\n',
    });
  });

  test('may have no reason, no headers, and interim answers before it', () => {
    const text = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.0 404\r\n\r\n';
    expect(read(text, pieceBytes)).toEqual({ head: { status: 404, headers: {} }, rest: '' });
  });

  test.each(['', 'HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\nx: y\r\n'])('%j has no end yet', (text) => {
    expect(read(text, pieceBytes)).toBeUndefined();
  });

  test.each([
    ['another protocol', 'SSH-2.0-x\r\n\r\n'],
    ['HTTP/2', 'HTTP/2 200 OK\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 2000 OK\r\n\r\n'],
    ['a change of protocol', 'HTTP/1.1 101 Switching\r\n\r\n'],
    ['a header without a colon', 'HTTP/1.1 200 OK\r\nnothing\r\n\r\n'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\ncontent-length : 1\r\n\r\n'],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\n\r\n'],
    ['a line that ends with LF', 'HTTP/1.1 200 OK\nx: a\r\n\r\n'],
    ['a NUL', 'HTTP/1.1 200 OK\r\nx: \0\r\n\r\n'],
    ['no end', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(17_000)}`],
    ['interim answers without an end', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1_000)],
  ])('%s is refused', (_what, text) => {
    expect(() => read(text, pieceBytes)).toThrow(expect.objectContaining({ reason: 'InvalidResponse' }));
  });
});

test.each<[ResponseHead['headers'], string]>([
  [{ 'transfer-encoding': 'chunked' }, 'ChunkedFraming'],
  [{ 'transfer-encoding': 'Chunked' }, 'ChunkedFraming'],
  [{ 'content-length': '12' }, 'LengthFraming'],
  [{}, 'UnframedBody'],
])('%j: %s', (headers, name) => {
  expect(framingOf({ status: 200, headers }).constructor.name).toBe(name);
});

test('answers without content have none whatever they say', () => {
  expect(framingOf({ status: 204, headers: { 'content-length': '5' } }).isComplete).toBe(true);
});

test.each<ResponseHead['headers']>([
  { 'transfer-encoding': 'gzip' },
  { 'transfer-encoding': 'gzip, chunked' },
  { 'transfer-encoding': ['chunked', 'chunked'] },
  { 'transfer-encoding': 'chunked', 'content-length': '5' },
  { 'content-length': ['5', '5'] },
  { 'content-length': '' },
  { 'content-length': '-5' },
  { 'content-length': '5, 5' },
  { 'content-length': '0x5' },
  { 'content-length': '9999999999999999' },
])('%j is refused: the length is in doubt', (headers) => {
  expect(() => framingOf({ status: 200, headers })).toThrow(expect.objectContaining({ reason: 'InvalidResponse' }));
});
