import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { semanticEqual } from '../../src/kube/semantic-equal.ts';

test.each([
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1, b: undefined }, { a: 1 }, true],
  [{ a: 1 }, { a: 1, b: null }, true],
  [undefined, null, true],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [{ a: [] }, { a: {} }, false],
  [{ a: 1 }, { a: 1, b: 2 }, false],
  [{ a: 1, b: 2 }, { a: 1 }, false],
  [{ a: 1 }, { a: '1' }, false],
  [{}, undefined, false],
])('%j and %j', (a, b, same) => {
  expect(semanticEqual(a, b)).toBe(same);
});

test('what went over the wire is the same', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(semanticEqual(value, JSON.parse(JSON.stringify(value)))).toBe(true);
    }),
  );
});
