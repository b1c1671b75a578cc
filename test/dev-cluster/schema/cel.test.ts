import { describe, expect, test } from 'vitest';
import { compileRules } from '../../../src/dev-cluster/schema/cel.ts';
import type { Schema, ValidationRule } from '../../../src/dev-cluster/schema/structural.ts';

const item: Schema = { type: 'object', properties: { id: { type: 'string' }, size: { type: 'integer' } } };
const schema: Schema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    count: { type: 'integer' },
    ratio: { type: 'number' },
    on: { type: 'boolean' },
    every: { type: 'string', format: 'duration' },
    at: { type: 'string', format: 'date-time' },
    keyed: { type: 'array', items: item, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['id'] },
    plain: { type: 'array', items: item },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    either: { 'x-kubernetes-int-or-string': true },
    'with-dash': { type: 'string' },
    namespace: { type: 'string' },
  },
};

function withRule(rule: string | ValidationRule): Schema {
  return { ...schema, 'x-kubernetes-validations': [typeof rule === 'string' ? { rule } : rule] };
}

function refusal(target: Schema): string {
  const compilation = compileRules(target, 'schema');
  return compilation.kind === 'refused'
    ? compilation.causes.map((cause) => `${cause.field}: ${cause.message}`).join()
    : '';
}

function violations(target: Schema, value: unknown, old?: unknown): string[] {
  const compilation = compileRules(target, 'schema');
  if (compilation.kind === 'refused') throw new Error(refusal(target));
  return compilation.rules.check(value, old, '').map((cause) => `${cause.field}: ${cause.message}`);
}

const VALUE = {
  name: 'héllo',
  count: 3,
  ratio: 2,
  on: true,
  every: '1m30s',
  at: '2026-01-01T00:00:00Z',
  keyed: [
    { id: 'a', size: 1 },
    { id: 'b', size: 2 },
  ],
  plain: [{ id: 'p' }],
  labels: { a: 'b' },
  open: { deep: { n: 1 } },
  either: 5,
  'with-dash': 'x',
  namespace: 'n',
};

describe('rules', () => {
  test.each([
    'self.name.size() == 5 && self.name.matches("^h.llo$") && self.name.startsWith("h")',
    'self.count + 1 == 4 && self.count > 2 && self.count % 2 == 1',
    'self.ratio == 2.0 && self.on',
    "self.every > duration('1m') && self.at < timestamp('2027-01-01T00:00:00Z')",
    'self.keyed.all(x, x.size > 0) && self.keyed.exists(x, x.id == "a") && self.keyed.exists_one(x, x.size == 2)',
    'self.keyed.map(x, x.id) == ["a", "b"] && self.keyed.filter(x, x.size > 1).size() == 1',
    'self.keyed.all(x, !has(x.missing))'.replace('missing', 'size') + ' || true',
    'has(self.name) && size(self.labels) == 1 && "a" in self.labels && self.labels.all(k, k == "a")',
    'self.open.deep.n == 1 && !has(self.open.other)',
    'self.either == 5',
    'self.with__dash__dash == "x" && self.__namespace__ == "n"',
    'self.count in [1, 2, 3] ? true : false',
    'isURL("http://a:1/b") && url("http://a:1/b").getHost() == "a:1" && !isURL("nothing")',
  ])('holds: %s', (rule) => {
    expect(violations(withRule(rule), VALUE)).toEqual([]);
  });

  test.each([
    ['an undeclared field', 'self.nmae == "x"'],
    ['an undeclared field of an item', 'self.keyed.all(x, x.nope == 1)'],
    ['mixed types', 'self.count == "3"'],
    ['a result that is no bool', 'self.count'],
    ['an unknown function', 'quantity("1Gi").isGreaterThan(quantity("1Mi"))'],
    ['an unknown method', 'self.keyed.map(x, x.size).sum() > 1'],
    ['a syntax error', 'self.count >'],
    ['an unknown variable', 'other == 1'],
    ['has() of an indexed value', 'has(self.keyed[0].id)'],
  ])('refused with the definition: %s', (_, rule) => {
    expect(refusal(withRule(rule))).toContain('schema.x-kubernetes-validations[0].rule: Invalid value');
  });

  test('a rule that cannot be computed counts as violated', () => {
    expect(violations(withRule('self.keyed[7].size == 1'), VALUE)[0]).toContain('could not be evaluated');
    expect(violations(withRule('self.name == "x"'), {})[0]).toContain('could not be evaluated');
  });

  test('message, messageExpression, reason and fieldPath', () => {
    expect(violations(withRule({ rule: 'self.on', message: 'must be on' }), { on: false })).toEqual([
      ': Invalid value: "object": must be on',
    ]);
    expect(violations(withRule('self.on'), { on: false })).toEqual([': Invalid value: "object": failed rule: self.on']);
    const expression = { rule: 'self.on', messageExpression: '"count is " + string(self.count)', fieldPath: '.on' };
    expect(violations(withRule(expression), { on: false, count: 2 })).toEqual([
      '.on: Invalid value: "object": count is 2',
    ]);
    expect(violations(withRule({ ...expression, message: 'm' }), { on: false })).toEqual([
      '.on: Invalid value: "object": m',
    ]);
    expect(refusal(withRule({ rule: 'self.on', messageExpression: 'self.count' }))).toContain('messageExpression');
  });
});

describe('transition rules', () => {
  const unchanged: ValidationRule = { rule: 'self == oldSelf', message: 'immutable' };
  const at = (field: string, child: Schema): Schema => ({ type: 'object', properties: { [field]: child } });

  test('run on updates only', () => {
    const target = at('name', { type: 'string', 'x-kubernetes-validations': [unchanged] });
    expect(violations(target, { name: 'a' })).toEqual([]);
    expect(violations(target, { name: 'a' }, { name: 'a' })).toEqual([]);
    expect(violations(target, { name: 'a' }, {})).toEqual([]);
    expect(violations(target, { name: 'b' }, { name: 'a' })).toEqual(['name: Invalid value: "string": immutable']);
  });

  test('match items of keyed lists and values of maps with their former selves', () => {
    const keyed = at('list', {
      ...schema.properties!.keyed,
      items: { ...item, 'x-kubernetes-validations': [unchanged] },
    });
    const old = {
      list: [
        { id: 'a', size: 1 },
        { id: 'b', size: 2 },
      ],
    };
    expect(
      violations(
        keyed,
        {
          list: [
            { id: 'b', size: 2 },
            { id: 'c', size: 9 },
            { id: 'a', size: 5 },
          ],
        },
        old,
      ),
    ).toEqual(['list[2]: Invalid value: "object": immutable']);
    const map = at('map', {
      type: 'object',
      additionalProperties: { type: 'string', 'x-kubernetes-validations': [unchanged] },
    });
    expect(violations(map, { map: { a: '2', b: '1' } }, { map: { a: '1' } })).toEqual([
      'map.a: Invalid value: "string": immutable',
    ]);
  });

  test('are refused where nothing can be matched', () => {
    const atomic = at('list', { type: 'array', items: { ...item, 'x-kubernetes-validations': [unchanged] } });
    expect(refusal(atomic)).toContain('uncorrelatable');
  });
});
