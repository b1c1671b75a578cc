import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseLosslessJson, stringifyLosslessJson } from '../../src/http/json.ts';

test('integers of 64 bits survive both ways', () => {
  const text =
    '{"system_id":18446744073709551615,"small":-7,"edge":[9007199254740991,9007199254740993,-9223372036854775808]}';
  expect(parseLosslessJson(text)).toEqual({
    system_id: 18446744073709551615n,
    small: -7,
    edge: [9007199254740991, 9007199254740993n, -9223372036854775808n],
  });
  expect(stringifyLosslessJson(parseLosslessJson(text))).toBe(text);
});

test('otherwise it writes what JSON.stringify does and reads it back', () => {
  const plain = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('__proto__'));
  fc.assert(
    fc.property(plain, (value) => {
      const text = JSON.stringify(value);
      expect(stringifyLosslessJson(parseLosslessJson(text))).toBe(text);
      expect(stringifyLosslessJson(value)).toBe(text);
    }),
  );
});

test('numbers longer than 64 bits are what JSON.parse makes of them, in no time', () => {
  const digits = '9'.repeat(1_000_000);
  expect(parseLosslessJson(digits)).toBe(Number.POSITIVE_INFINITY);
  expect(parseLosslessJson('184467440737095516150')).toBe(1.844674407370955e20);
});

test('deep nesting is no danger', () => {
  let value = parseLosslessJson(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`);
  let depth = 0;
  for (; Array.isArray(value); value = value[0]) depth++;
  expect([depth, value]).toEqual([100_000, 1]);
});

describe('a key that is a prototype', () => {
  test.each([
    '{"__proto__":{"admin":true}}',
    '[{"a":1,"__proto__" : null}]',
    String.raw`{"\u005f\u005Fproto__":1}`,
    String.raw`{"__\u0070\u0072\u006f\u0074\u006F\u005f_"
:1}`,
  ])('is refused: %s', (text) => {
    expect(() => parseLosslessJson(text)).toThrow(expect.objectContaining({ reason: 'InvalidJson', retry: 'never' }));
  });

  test('is refused however it is written', () => {
    const written = fc.tuple(
      ...Array.from('__proto__', (letter) => {
        const hex = letter.charCodeAt(0).toString(16).padStart(4, '0');
        return fc.constantFrom(letter, `\\u${hex}`, `\\u${hex.toUpperCase()}`);
      }),
    );
    fc.assert(
      fc.property(written, (letters) => {
        expect(() => parseLosslessJson(`{"${letters.join('')}":{}}`)).toThrow(/__proto__/);
      }),
    );
  });

  test.each([
    { note: '__proto__' },
    { note: '{"__proto__": 1}' },
    { __PROTO__: 1, proto: 2, ___proto__: 3 },
    ['__proto__', 'constructor'],
  ])('is not what a text or another key says: %j', (value) => {
    expect(parseLosslessJson(JSON.stringify(value))).toEqual(value);
  });
});

test.each(['', '{', '[1,]', "{'a':1}", 'nul', '01', '1 2', '\ufeff{}'])('%j is not JSON', (text) => {
  expect(() => parseLosslessJson(text)).toThrow(expect.objectContaining({ reason: 'InvalidJson' }));
});
