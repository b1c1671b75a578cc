import { describe, expect, test } from 'vitest';
import { compileJsonPath } from '../../src/dev-cluster/json-path.ts';
import { formatAge } from '../../src/dev-cluster/table.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { items, startEmbeddedWithWidgets, TENANT, WIDGETS, widget } from './api.ts';

const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };

describe('tables', () => {
  test('show the printer columns of a custom resource', async () => {
    const clock = new FakeClock('2026-01-01T00:00:00Z');
    const api = await startEmbeddedWithWidgets(clock);
    await api.post(WIDGETS, widget('a'));
    await api.post(WIDGETS, widget('b', { replicas: 1 }));
    const status = {
      seenAt: '2026-01-01T00:00:30Z',
      conditions: [
        { type: 'Other', status: 'False' },
        { type: 'Ready', status: 'True' },
      ],
    };
    await api.mergePatch(`${WIDGETS}/a/status`, { status });
    await clock.advance(5 * 60_000);
    const { body } = await api.get(WIDGETS, TABLE);
    expect(body.kind).toBe('Table');
    expect(items(body.columnDefinitions).map(({ name, priority, type }) => [name, type, priority])).toEqual([
      ['Name', 'string', 0],
      ['Tenant', 'string', 1],
      ['Ready', 'string', 0],
      ['Replicas', 'integer', 0],
      ['Seen', 'date', 0],
      ['Age', 'date', 0],
    ]);
    expect(items(body.rows).map((row) => row.cells)).toEqual([
      ['a', TENANT, 'True', 3, '4m30s', '5m'],
      ['b', TENANT, null, 1, null, '5m'],
    ]);
    expect(items(body.rows)[0]?.object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'a' } });
  });

  test('of one object, with the whole object or none of it in the row', async () => {
    const api = await startEmbeddedWithWidgets();
    await api.post(WIDGETS, widget('a'));
    const whole = await api.get(`${WIDGETS}/a?includeObject=Object`, TABLE);
    expect(items(whole.body.rows)[0]?.object).toMatchObject({ kind: 'Widget' });
    const none = await api.get(`${WIDGETS}/a?includeObject=None`, TABLE);
    expect(items(none.body.rows)[0]).not.toHaveProperty('object');
  });

  test.each([
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [125, '2m5s'],
    [10 * 60, '10m'],
    [179 * 60, '179m'],
    [3 * 3600, '3h'],
    [3 * 3600 + 60, '3h1m'],
    [47 * 3600, '47h'],
    [48 * 3600, '2d'],
    [49 * 3600, '2d1h'],
    [100 * 86_400, '100d'],
    [800 * 86_400, '2y70d'],
    [9 * 365 * 86_400, '9y'],
    [-5, '<invalid>'],
  ])('an age of %i s is printed as %s', (seconds, expected) => {
    const nowMs = Date.parse('2026-01-01T00:00:00Z');
    expect(formatAge(new Date(nowMs - seconds * 1000).toISOString(), nowMs)).toBe(expected);
  });

  test.each([
    ['.a.b', [1]],
    ['.list[*].n', [1, 2]],
    ['.list[?(@.t=="x")].n', [1]],
    [".list[?(@.t == 'y')].n", [2]],
    ['.list[1].t', ['y']],
    ['.list[-1].t', ['y']],
    [".m['d.e/f']", [3]],
    ['.m.d\\.e/f', undefined],
    ['.none.more', []],
    ['.list[?(@.n > 1)]', undefined],
    ['a', undefined],
    ['', undefined],
  ])('JSONPath %s', (path, expected) => {
    const value = {
      a: { b: 1 },
      list: [
        { t: 'x', n: 1 },
        { t: 'y', n: 2 },
      ],
      m: { 'd.e/f': 3 },
    };
    expect(compileJsonPath(path)?.(value)).toEqual(expected);
  });
});
