import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeApplied, removeFields } from '../../src/dev-cluster/apply-merge.ts';
import {
  compareFields,
  difference,
  fieldsOf,
  formatFieldsV1,
  intersection,
  isEmptySet,
  NO_FIELDS,
  parseFieldsV1,
  pathsOf,
  union,
} from '../../src/dev-cluster/field-set.ts';
import { ANYTHING, type Schema } from '../../src/dev-cluster/schema/structural.ts';

const schema: Schema = {
  type: 'object',
  properties: {
    text: { type: 'string' },
    nested: { type: 'object', properties: { a: { type: 'string' }, b: { type: 'string' } } },
    keyed: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['id'],
      items: { type: 'object', properties: { id: { type: 'string' }, v: { type: 'string' } } },
    },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    atomic: { type: 'array', items: { type: 'string' } },
    map: { type: 'object', additionalProperties: { type: 'string' } },
  },
};

const word = () => fc.constantFrom('p', 'q', 'r', 's');
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const values = () =>
  fc
    .record({
      text: maybe(word()),
      nested: maybe(fc.dictionary(fc.constantFrom('a', 'b'), word(), { minKeys: 1 })),
      keyed: maybe(fc.uniqueArray(fc.record({ id: word(), v: word() }), { selector: (item) => item.id, minLength: 1 })),
      set: maybe(fc.uniqueArray(word(), { minLength: 1 })),
      atomic: maybe(fc.array(word(), { maxLength: 3 })),
      map: maybe(fc.dictionary(word(), word(), { minKeys: 1 })),
    })
    .map((value): unknown => JSON.parse(JSON.stringify(value)));

describe('field sets', () => {
  test('survive the form of managedFields', () => {
    fc.assert(
      fc.property(values(), (value) => {
        const set = fieldsOf(schema, value);
        expect(formatFieldsV1(parseFieldsV1(formatFieldsV1(set)))).toEqual(formatFieldsV1(set));
      }),
    );
  });

  test('obey the laws of sets', () => {
    fc.assert(
      fc.property(values(), values(), (left, right) => {
        const [a, b] = [fieldsOf(schema, left), fieldsOf(schema, right)];
        const paths = (set: typeof a) => new Set(pathsOf(set));
        expect(paths(union(a, b))).toEqual(new Set([...paths(a), ...paths(b)]));
        expect(paths(intersection(a, b))).toEqual(new Set([...paths(a)].filter((path) => paths(b).has(path))));
        expect(paths(difference(a, b))).toEqual(new Set([...paths(a)].filter((path) => !paths(b).has(path))));
      }),
    );
  });

  test('a comparison is empty exactly when nothing differs but the order of keyed items', () => {
    fc.assert(
      fc.property(values(), values(), (before, after) => {
        const same = compareFields(schema, before, before);
        expect(isEmptySet(same.changed) && isEmptySet(same.removed)).toBe(true);
        const { changed, removed } = compareFields(schema, before, after);
        expect(isEmptySet(changed) && isEmptySet(removed)).toBe(
          JSON.stringify(canonical(before)) === JSON.stringify(canonical(after)),
        );
      }),
    );
  });

  test('an applied value is there after the merge, and taking it away again leaves the rest', () => {
    fc.assert(
      fc.property(values(), values(), (live, applied) => {
        const merged = mergeApplied(schema, live, applied);
        const own = fieldsOf(schema, applied);
        expect(isEmptySet(difference(own, fieldsOf(schema, merged)))).toBe(true);
        expect(mergeApplied(schema, merged, applied)).toEqual(merged);
        const kept = difference(fieldsOf(schema, live), own);
        const rest = removeFields(schema, merged, difference(own, kept), kept);
        expect(isEmptySet(intersection(fieldsOf(schema, rest), difference(own, kept)))).toBe(true);
        expect(isEmptySet(difference(kept, fieldsOf(schema, rest)))).toBe(true);
      }),
    );
  });

  test('paths are readable', () => {
    const set = fieldsOf(schema, { keyed: [{ id: 'p', v: 'q' }], set: ['r'], nested: { a: 's' } });
    expect(pathsOf(set).toSorted()).toEqual([
      '.keyed[id="p"]',
      '.keyed[id="p"].id',
      '.keyed[id="p"].v',
      '.nested.a',
      '.set[="r"]',
    ]);
    expect(pathsOf(NO_FIELDS)).toEqual([]);
    expect(pathsOf(fieldsOf(ANYTHING, { a: { b: 1 } }))).toEqual(['.a', '.a.b']);
  });
});

function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([field, child]: [string, unknown]) => {
    if (field === 'keyed' || field === 'set') {
      return [field, [...(child as unknown[])].map((item) => JSON.stringify(sortKeys(item))).toSorted()];
    }
    return [field, sortKeys(child)];
  });
  return sortKeys(Object.fromEntries(entries));
}

function sortKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([left], [right]) => (left < right ? -1 : 1)));
}
