import { expect, test } from 'vitest';
import { PodDirectory } from '../../src/controllers/cluster/pod-directory.ts';
import { formatSelector, listPods, type SafekeeperPod } from '../../src/controllers/cluster/pods.ts';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import type { KubeClient } from '../../src/kube/kube-client.ts';
import { safekeeperId } from '../agent/test-agent.ts';

const never = new AbortController().signal;
const HOUR_MS = 60 * 60_000;

/** Pods by name: `uid@url`, or `uid` alone without an address. */
function pods(given: Readonly<Record<string, string>>): SafekeeperPod[] {
  return Object.entries(given).map(([name, where]) => {
    const [uid = '', url] = where.split('@');
    return { name, uid, url };
  });
}

function rig(known: Readonly<Record<number, string>> = {}) {
  /** Who answers where. */
  const at: Record<string, number> = {};
  const asked: string[] = [];
  const state = { nowMs: 0, isEmpty: false };
  const ask = (url: string) => {
    asked.push(url);
    const id = at[url];
    return id === undefined ? Promise.reject(new Error('connection refused')) : Promise.resolve(safekeeperId(id));
  };
  const before = Object.entries(known).map(([id, url]): [SafekeeperId, string] => [safekeeperId(Number(id)), url]);
  const directory = new PodDirectory(ask, new Map(before));
  const look = async (given: Readonly<Record<string, string>>) => {
    asked.length = 0;
    const seen = await directory.look(pods(given), () => state.isEmpty, state.nowMs, never);
    return {
      found: seen.safekeepers.map(({ id, url, isGone }) => `${id} ${isGone ? 'gone' : url}`),
      conflicts: [...seen.conflicts.keys()].map(Number),
      why: [...seen.conflicts.values()].join(),
      unidentified: seen.unidentified.map(({ pod }) => pod),
      moved: seen.moved.map(({ id }) => Number(id)),
      isComplete: seen.isComplete,
    };
  };
  return { at, asked, look, state };
}

const THREE = { a: 'u1@A', b: 'u2@B', c: 'u3@C' };
async function three() {
  const world = rig();
  Object.assign(world.at, { A: 1, B: 2, C: 3 });
  await world.look(THREE);
  return world;
}

test('each pod is asked once; a pod that does not answer stays where it was', async () => {
  const { at, asked, look } = await three();
  delete at.B;
  expect(await look(THREE)).toEqual({
    found: ['1 A', '2 B', '3 C'],
    conflicts: [],
    why: '',
    unidentified: [],
    moved: [],
    isComplete: true,
  });
  expect(asked).toEqual([]);
});

test('a pod that has not told its id is none of those known, and the cluster is not known whole', async () => {
  const { at, look } = rig();
  Object.assign(at, { A: 1, B: 2, C: 3 });
  const seen = await look({ ...THREE, d: 'u4@D', e: 'u5' });
  expect(seen).toMatchObject({ found: ['1 A', '2 B', '3 C'], unidentified: ['e', 'd'], isComplete: false });
  at.D = 4;
  expect(await look({ ...THREE, d: 'u4@D' })).toMatchObject({ unidentified: [], isComplete: true });
});

test('a replaced pod has its id at a new address once the old pod is gone', async () => {
  const { at, look } = await three();
  delete at.B;
  expect(await look({ a: 'u1@A', c: 'u3@C' })).toMatchObject({ found: ['1 A', '2 gone', '3 C'], isComplete: true });
  const starting = await look({ a: 'u1@A', b: 'u9@X', c: 'u3@C' });
  expect(starting).toMatchObject({ found: ['1 A', '2 gone', '3 C'], unidentified: ['b'], isComplete: true });
  at.X = 2;
  expect(await look({ a: 'u1@A', b: 'u9@X', c: 'u3@C' })).toMatchObject({ found: ['1 A', '2 X', '3 C'], moved: [2] });
});

test('two pods with one id are a conflict, and neither is used before one of them is gone', async () => {
  const { at, look } = await three();
  at.X = 2;
  delete at.B;
  const both = await look({ ...THREE, x: 'u9@X' });
  expect(both).toMatchObject({ found: ['1 A', '2 B', '3 C'], conflicts: [2], moved: [], isComplete: true });
  expect(both.why).toBe('B and X both answer with id 2');
  const { b: _, ...without } = THREE;
  expect(await look({ ...without, x: 'u9@X' })).toMatchObject({
    found: ['1 A', '2 X', '3 C'],
    conflicts: [],
    moved: [2],
  });
});

test('two new pods with one id are both refused', async () => {
  const { at, look } = rig();
  Object.assign(at, { A: 1, B: 2, C: 2 });
  const seen = await look(THREE);
  expect(seen).toMatchObject({ found: ['1 A', '2 B'], conflicts: [2], isComplete: true });
  delete at.C;
  expect(await look(THREE)).toMatchObject({
    found: ['1 A', '2 B'],
    conflicts: [],
    unidentified: ['c'],
    isComplete: false,
  });
});

test('an address that still answers is no former one, whatever the list of pods says', async () => {
  const { at, look } = await three();
  at.X = 2;
  const seen = await look({ a: 'u1@A', x: 'u9@X', c: 'u3@C' });
  expect(seen).toMatchObject({ conflicts: [2], moved: [], why: 'X answers with id 2, which may still be in use at B' });
  at.B = 7;
  expect(await look({ a: 'u1@A', x: 'u9@X', c: 'u3@C' })).toMatchObject({ conflicts: [], moved: [2] });
});

test('an address that was handed to another safekeeper says nothing of the one that had it', async () => {
  const { at, look } = await three();
  Object.assign(at, { B: 5 });
  const seen = await look({ a: 'u1@A', n: 'u9@B', c: 'u3@C' });
  expect(seen).toMatchObject({ found: ['1 A', '2 gone', '3 C', '5 B'], conflicts: [] });
  Object.assign(at, { X: 2 });
  const later = await look({ a: 'u1@A', n: 'u9@B', c: 'u3@C', m: 'u8@X' });
  expect(later).toMatchObject({ found: ['1 A', '2 X', '3 C', '5 B'], conflicts: [], moved: [2] });
});

test('after a restart the status counts: its safekeepers are members, and its addresses are in use', async () => {
  const { at, look } = rig({ 1: 'A', 2: 'B', 3: 'C' });
  Object.assign(at, { A: 1, C: 3, X: 2 });
  // Which pod it was is not known any more: one that hangs at the address may be it.
  const seen = await look({ ...THREE, x: 'u9@X' });
  expect(seen).toMatchObject({ found: ['1 A', '2 gone', '3 C'], conflicts: [2], isComplete: false });
  expect(await look({ a: 'u1@A', x: 'u9@X', c: 'u3@C' })).toMatchObject({
    conflicts: [],
    moved: [2],
    isComplete: true,
  });
});

test('a safekeeper without a pod is forgotten after an hour, and only when it was empty', async () => {
  const { look, state } = await three();
  const two = { a: 'u1@A', c: 'u3@C' };
  await look(two);
  state.nowMs = HOUR_MS;
  expect((await look(two)).found).toEqual(['1 A', '2 gone', '3 C']);
  state.isEmpty = true;
  state.nowMs = HOUR_MS - 1;
  expect((await look(two)).found).toHaveLength(3);
  state.nowMs = HOUR_MS;
  expect((await look(two)).found).toEqual(['1 A', '3 C']);
});

test('selectors in the words of the API', () => {
  const selector = {
    matchLabels: { app: 'safekeeper', tier: '' },
    matchExpressions: [
      { key: 'zone', operator: 'In' as const, values: ['a', 'b'] },
      { key: 'zone', operator: 'NotIn' as const, values: ['c'] },
      { key: 'disk', operator: 'Exists' as const, values: [] },
      { key: 'canary', operator: 'DoesNotExist' as const, values: [] },
    ],
  };
  expect(formatSelector(selector)).toBe('app=safekeeper,tier=,zone in (a,b),zone notin (c),disk,!canary');
});

test('pods that have ended do not count, one address counts once, and addresses are those of the spec', async () => {
  const item = (name: string, created: string, status: object) => ({
    metadata: { name, uid: name, creationTimestamp: `2026-01-01T00:00:0${created}Z` },
    status,
  });
  const items = [
    item('old', '1', { podIP: '10.0.0.1' }),
    item('new', '2', { podIP: '10.0.0.1' }),
    item('six', '1', { podIP: 'fd00::1', phase: 'Running' }),
    item('done', '1', { podIP: '10.0.0.3', phase: 'Succeeded' }),
    item('wait', '1', { phase: 'Pending' }),
  ];
  const client = { list: () => Promise.resolve({ items, metadata: {} }) } as unknown as Pick<KubeClient, 'list'>;
  const settings = { selector: { matchLabels: { a: 'b' } }, port: 7676, scheme: 'HTTP' as const };
  const urls = async (more: object) => {
    const list = await listPods(client, 'neon', { ...settings, ...more }, never);
    return list.kind === 'Pods' ? list.pods.map(({ name, url }) => [name, url]) : list.kind;
  };
  expect(await urls({})).toEqual([
    ['new', 'http://10.0.0.1:7676'],
    ['six', 'http://[fd00::1]:7676'],
    ['wait', undefined],
  ]);
  expect((await urls({ scheme: 'HTTPS', host: '{pod}.sk.{namespace}.svc' }))[0]).toEqual([
    'new',
    'https://new.sk.neon.svc:7676',
  ]);
  items.push(...Array.from({ length: 128 }, (_, n) => item(`n${n}`, '1', {})));
  expect(await urls({})).toBe('TooMany');
});
