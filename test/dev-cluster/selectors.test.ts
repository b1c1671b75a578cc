import { describe, expect, test } from 'vitest';
import type { KubeObject } from '../../src/dev-cluster/object.ts';
import { parseFieldSelector, parseLabelSelector } from '../../src/dev-cluster/selectors.ts';
import { items, startWithWidgets, WIDGETS, widget } from './api.ts';

const object: KubeObject = {
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    namespace: 'n',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    labels: { app: 'x', tier: 'db', 'example.dev/part': '', empty: '' },
  },
  spec: { count: 3, on: true, text: 'a,b' },
};

describe('label selectors', () => {
  test.each([
    ['', true],
    ['app=x', true],
    ['app==x,tier=db', true],
    ['app=y', false],
    ['app!=y', true],
    ['none!=y', true],
    ['app', true],
    ['none', false],
    ['!none', true],
    ['! app', false],
    ['app in (x, y),tier notin (web)', true],
    ['app in (y)', false],
    ['none in ()', false],
    ['none notin (x)', true],
    ['tier notin (db,web)', false],
    ['example.dev/part=', true],
    ['empty in ()', true],
  ])('%s', (selector, expected) => {
    expect(parseLabelSelector(selector)(object)).toBe(expected);
  });

  test.each(['a in x', '=b', 'a in (b', 'a b'])('%s is refused', (selector) => {
    expect(() => parseLabelSelector(selector)).toThrow('unable to parse requirement');
  });
});

describe('field selectors', () => {
  const selectable = new Set(['metadata.name', 'spec.count', 'spec.on', 'spec.text', 'spec.none']);
  test.each([
    ['metadata.name=a', true],
    ['metadata.name==b', false],
    ['metadata.name!=b,spec.count=3', true],
    ['spec.on=true', true],
    ['spec.none=', true],
  ])('%s', (selector, expected) => {
    expect(parseFieldSelector(selector, selectable)(object)).toBe(expected);
  });

  test('other fields are refused', () => {
    expect(() => parseFieldSelector('spec.other=1', selectable)).toThrow('field label not supported: spec.other');
    expect(() => parseFieldSelector('metadata.name', selectable)).toThrow('invalid selector');
  });

  test('a definition offers fields of its own', async () => {
    const api = await startWithWidgets();
    await api.post(WIDGETS, widget('a'));
    await api.post(WIDGETS, widget('b', { tenantId: 'f'.repeat(32) }));
    const { body } = await api.get(`${WIDGETS}?fieldSelector=spec.tenantId%3D${'f'.repeat(32)}`);
    expect(items(body.items).map((item) => item.metadata.name)).toEqual(['b']);
    expect((await api.get(`${WIDGETS}?fieldSelector=spec.mode%3DAutomatic`)).status).toBe(400);
  });
});
