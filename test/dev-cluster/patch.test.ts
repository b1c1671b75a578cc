import { describe, expect, test } from 'vitest';
import { applyJsonPatch } from '../../src/dev-cluster/json-patch.ts';
import { applyMergePatch, applyStrategicMergePatch } from '../../src/dev-cluster/merge-patch.ts';
import type { Schema } from '../../src/dev-cluster/schema/structural.ts';
import { configMap, startApi, startWithWidgets, WIDGETS, widget } from './api.ts';

describe('JSON patch', () => {
  const document = { a: { b: [1, 2, 3] }, 'x/y': 1, 'm~n': 2 };
  test.each([
    ['add a field', [{ op: 'add', path: '/a/c', value: 9 }], { ...document, a: { b: [1, 2, 3], c: 9 } }],
    ['add an item', [{ op: 'add', path: '/a/b/1', value: 9 }], { ...document, a: { b: [1, 9, 2, 3] } }],
    ['append', [{ op: 'add', path: '/a/b/-', value: 9 }], { ...document, a: { b: [1, 2, 3, 9] } }],
    ['remove an item', [{ op: 'remove', path: '/a/b/0' }], { ...document, a: { b: [2, 3] } }],
    ['replace', [{ op: 'replace', path: '/a/b/2', value: 9 }], { ...document, a: { b: [1, 2, 9] } }],
    [
      'escapes',
      [
        { op: 'remove', path: '/x~1y' },
        { op: 'replace', path: '/m~0n', value: 0 },
      ],
      { a: { b: [1, 2, 3] }, 'm~n': 0 },
    ],
    ['move', [{ op: 'move', from: '/a/b', path: '/c' }], { a: {}, c: [1, 2, 3], 'x/y': 1, 'm~n': 2 }],
    ['copy', [{ op: 'copy', from: '/a/b/0', path: '/c' }], { ...document, c: 1 }],
    ['test', [{ op: 'test', path: '/a/b', value: [1, 2, 3] }], document],
  ])('%s', (_, patch, expected) => {
    expect(applyJsonPatch(document, patch)).toEqual(expected);
    expect(document.a.b).toEqual([1, 2, 3]);
  });

  test.each([
    ['a failing test', [{ op: 'test', path: '/a/b', value: [] }]],
    ['a missing field', [{ op: 'remove', path: '/zz' }]],
    ['a missing parent', [{ op: 'add', path: '/zz/y', value: 1 }]],
    ['an index beyond the end', [{ op: 'add', path: '/a/b/4', value: 1 }]],
    ['an unknown operation', [{ op: 'twist', path: '/a' }]],
    ['no path', [{ op: 'add' }]],
    ['no list', { op: 'add', path: '/a', value: 1 }],
  ])('%s is refused', (_, patch) => {
    expect(() => applyJsonPatch(document, patch)).toThrow();
  });
});

describe('merge patches', () => {
  test('null deletes, objects merge, lists are replaced', () => {
    expect(
      applyMergePatch({ a: 1, b: { c: 2, d: 3 }, l: [1, 2] }, { a: null, b: { c: 5 }, l: [9], n: { x: null } }),
    ).toEqual({
      b: { c: 5, d: 3 },
      l: [9],
      n: {},
    });
  });

  test('strategic: keyed lists merge by item, sets by value, with directives', () => {
    const schema: Schema = {
      type: 'object',
      properties: {
        keyed: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['id'],
          items: { type: 'object' },
        },
        set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        plain: { type: 'array', items: { type: 'string' } },
      },
    };
    const value = { keyed: [{ id: 1, a: 1 }, { id: 2 }], set: ['x', 'y'], plain: ['p'], map: { k: 1 } };
    const patch = {
      keyed: [{ id: 1, b: 2 }, { id: 2, $patch: 'delete' }, { id: 3 }],
      set: ['z', 'x'],
      '$deleteFromPrimitiveList/set': ['y'],
      '$setElementOrder/keyed': [{ id: 1 }, { id: 3 }],
      plain: ['q'],
      map: { $patch: 'replace', other: 1 },
    };
    expect(applyStrategicMergePatch(schema, value, patch)).toEqual({
      keyed: [{ id: 1, a: 1, b: 2 }, { id: 3 }],
      set: ['x', 'z'],
      plain: ['q'],
      map: { other: 1 },
    });
  });

  test('strategic merge is for built-in kinds, as on a real server', async () => {
    const api = await startWithWidgets();
    await api.post(WIDGETS, widget('w'));
    const options = { contentType: 'application/strategic-merge-patch+json' };
    expect((await api.send('PATCH', `${WIDGETS}/w`, { spec: { replicas: 1 } }, options)).status).toBe(415);
    const maps = '/api/v1/namespaces/{namespace}/configmaps';
    await api.post(maps, configMap('a', { finalizers: ['x.dev/one'] }, { k: '1' }));
    const patch = { metadata: { finalizers: ['x.dev/two'] }, data: { l: '2' } };
    const reply = await api.send('PATCH', `${maps}/a`, patch, options);
    expect(reply.body).toMatchObject({
      metadata: { finalizers: expect.arrayContaining(['x.dev/one', 'x.dev/two']) },
      data: { k: '1', l: '2' },
    });
  });

  test('a patch can demand a version, cannot move the object, and needs a known media type', async () => {
    const api = await startApi();
    const maps = '/api/v1/namespaces/{namespace}/configmaps';
    await api.post(maps, configMap('a'));
    expect((await api.mergePatch(`${maps}/a`, { metadata: { resourceVersion: '1' } })).status).toBe(409);
    const renamed = await api.mergePatch(`${maps}/a`, { metadata: { name: 'b', uid: null, creationTimestamp: null } });
    expect(renamed.status).toBe(400);
    expect((await api.send('PATCH', `${maps}/a`, {}, { contentType: 'application/json' })).status).toBe(415);
    expect((await api.mergePatch(`${maps}/none`, {})).status).toBe(404);
  });
});
