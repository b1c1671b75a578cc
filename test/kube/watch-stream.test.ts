import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines } from '../../src/kube/watch-stream.ts';

async function* chunks(bytes: Buffer, sizes: readonly number[]): AsyncGenerator<Buffer> {
  let start = 0;
  for (const size of sizes) {
    yield bytes.subarray(start, start + size);
    start += size;
  }
  yield bytes.subarray(start);
}

test('lines are the same however the bytes arrive, also in the middle of a character', async () => {
  const text = fc.string({ unit: 'grapheme', maxLength: 8 }).map((line) => line.replaceAll('\n', 'é'));
  await fc.assert(
    fc.asyncProperty(fc.array(text), fc.array(fc.nat(12)), async (lines, sizes) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const read: string[] = [];
      for await (const line of readLines(chunks(bytes, sizes), 1_000)) read.push(line);
      expect(read).toEqual(lines);
    }),
  );
});

test.each([
  ['that never ends is refused', 'x'.repeat(40), 'BodyTooLarge'],
  ['that is cut is an error', 'one\ntw', 'WatchCut'],
])('a line %s', async (_what, text, reason) => {
  const reading = async () => {
    for await (const line of readLines(chunks(Buffer.from(text), [10, 10, 10]), 20)) expect(line).toBe('one');
  };
  await expect(reading()).rejects.toMatchObject({ reason });
});
