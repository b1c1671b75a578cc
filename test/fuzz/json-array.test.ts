import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { readJsonArray } from '../../src/http/json-array.ts';
import { FUZZ_TIMEOUT_MS, fuzzRuns } from './runs.ts';

async function read(bytes: Buffer, cuts: readonly number[]): Promise<unknown[]> {
  const places = [0, ...[...cuts].map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  async function* body() {
    for (let n = 1; n < places.length; n++) yield await Promise.resolve(bytes.subarray(places[n - 1], places[n]));
  }
  const all: unknown[] = [];
  for await (const batch of readJsonArray(body(), 1_000_000)) all.push(...batch);
  return all;
}

/** What JSON.parse makes of the whole, if that is an array. */
function expected(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : 'refused';
  } catch {
    return 'refused';
  }
}

const cuts = fc.array(fc.nat(10_000), { maxLength: 12 });
/** JSON-like: brackets, commas, quotes, escapes and blanks in any order. */
const garbage = fc
  .array(
    fc.constantFrom(
      '[',
      ']',
      '{',
      '}',
      ',',
      '"',
      '\\',
      '\\"',
      ' ',
      '1',
      'null',
      '"a"',
      '"é]"',
      ':',
      '[[',
      '[1,2]',
      '{"a":1}',
    ),
  )
  .map((parts) => parts.join(''));

test('any text, in any pieces, is what it is as a whole', { timeout: FUZZ_TIMEOUT_MS }, async () => {
  const texts = fc.oneof(
    fc.json({ maxDepth: 4 }),
    fc.array(fc.jsonValue()).map((value) => JSON.stringify(value, undefined, 1)),
    garbage,
    garbage.map((text) => `[${text}]`),
  );
  await fc.assert(
    fc.asyncProperty(texts, cuts, async (text, places) => {
      const seen = await read(Buffer.from(text), places).catch(() => 'refused');
      expect(seen).toEqual(expected(text));
    }),
    fuzzRuns(3_000),
  );
});
