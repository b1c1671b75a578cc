import { expect, test } from 'vitest';
import { API_VERSION, TIMELINE_NAMES } from '../../src/api/names.ts';
import type { SafekeeperTimeline } from '../../src/api/resources.ts';
import { TimelineObjects } from '../../src/controllers/timeline-objects.ts';
import { keyOf } from '../../src/kube/object.ts';
import { Store } from '../../src/kube/store.ts';
import { placeTimeline, TENANT } from '../agent/test-agent.ts';
import { onRequest } from './proxy.ts';
import { conditionOf, isReady, place, reasonsOf, stateOf, TestWorld, timelineId } from './test-operator.ts';

const NONE = { inventory: { timelines: 'None', verifyInterval: '10s' } };
const never = new AbortController().signal;

/** What the cluster tells of the timeline of this digit. */
async function toldOf(world: TestWorld, digit: string): Promise<string[]> {
  const events = await world.events();
  const about = events.filter(({ message }) => message.startsWith(`Timeline ${TENANT}/${timelineId(digit)}: `));
  expect(new Set(about.map(({ involvedObject }) => involvedObject.kind))).toEqual(new Set(['SafekeeperCluster']));
  return about.map(({ reason }) => reason);
}

test('a wiped safekeeper gets everything back without any object; its cluster tells of it', async () => {
  await using world = await TestWorld.start(3, place(4));
  await world.createCluster(NONE);
  world.startOperator();
  const before = await world.untilCluster('Ready', isReady);
  expect(before.status?.timelines).toMatchObject({ total: 4, redundant: 4, degraded: 0 });
  await world.wipe(3);
  const degraded = await world.untilCluster('it shows', (skc) => skc.status?.timelines?.degraded === 4);
  expect(conditionOf(degraded, 'Ready')?.reason).toBe('ReplicaLost');
  await world.untilCluster('healed', isReady);
  expect(world.pulls()).toHaveLength(4);
  // A fence could be announced nowhere.
  for (const { id } of world.safekeepers) expect(world.askedFor(id, /term_bump/)).toBe(0);
  expect(await world.timelines()).toEqual([]);
  await world.untilEvents('RecoveryStarted', 'Recovered');
  for (const digit of ['1', '2', '3', '4']) {
    await expect.poll(() => toldOf(world, digit)).toEqual(expect.arrayContaining(['RecoveryStarted', 'Recovered']));
  }
});

test('an operator that was frozen past its lease pulls nothing', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster(NONE);
  let isLeading = true;
  let asked = 0;
  world.startOperator({
    isLeading: () => {
      asked++;
      return isLeading;
    },
  });
  await world.untilCluster('Ready', isReady);
  isLeading = false;
  await world.wipe(3);
  await expect.poll(() => asked, { timeout: 60_000 }).toBeGreaterThan(0);
  // A pull would follow at once.
  await new Promise((wake) => setTimeout(wake, 200));
  expect(world.pulls()).toEqual([]);
  isLeading = true;
  await world.untilCluster('healed', isReady);
  expect(world.pulls()).toHaveLength(1);
});

test('what cannot be healed is told by the cluster for as long as it is so', async () => {
  await using world = await TestWorld.start(3, place(2));
  await world.createCluster(NONE);
  world.startOperator();
  await world.untilCluster('Ready', isReady);
  await world.safekeeper(2).stop();
  const hollow = { snapshot: 'compute_created_greeting_only', tenantId: TENANT, timelineId: timelineId('2') };
  await placeTimeline(world.safekeeper(2).dataDirectory, hollow);
  await world.safekeeper(2).start();
  const cluster = await world.untilCluster('it is told', (skc) => reasonsOf(skc) === 'ReplicaHollow/-/ReplicaHollow');
  expect(cluster.status?.timelines).toMatchObject({ total: 2, redundant: 1, degraded: 1, blocked: 1 });
  await expect.poll(() => toldOf(world, '2')).toContain('ReplicaHollow');
  expect(await world.timelines()).toEqual([]);
  await world.safekeeper(2).stop();
  await place(2)(world.safekeeper(2).dataDirectory);
  await world.safekeeper(2).start();
  await world.untilCluster('mended', isReady);
  expect(world.pulls()).toEqual([]);
});

test('an object that a person makes takes the place of what is in memory, and another mode makes objects', async () => {
  await using world = await TestWorld.start(3, place(2));
  await world.createCluster(NONE);
  world.startOperator();
  await world.untilCluster('Ready', isReady);
  for (const { proxy } of world.safekeepers) {
    proxy.react = onRequest(/pull_timeline/, { kind: 'Answer', status: 500, body: { msg: 'not now' } });
  }
  await world.wipe(2);
  await world.untilCluster('both are lost', (skc) => skc.status?.timelines?.degraded === 2);
  await world.createTimeline('1');
  await world.untilTimeline('1', 'it is looked after', (skt) => stateOf(skt, 2) === 'Lost');
  const { timelines } = (await world.cluster()).status!;
  expect(timelines).toMatchObject({ total: 2, degraded: 2 });
  await world.patch('cluster', { spec: { inventory: { timelines: 'UnderReplicated' } } });
  await world.untilTimelines('both have one', 2, (skt) => stateOf(skt, 2) === 'Lost');
  for (const { proxy } of world.safekeepers) proxy.react = () => undefined;
  await world.patch('2', { metadata: { annotations: { 'safekeeper.dev/reconcile-at': 'now' } } });
  await world.untilTimelines('healed', 2, isReady);
});

test('a cluster that is removed takes what was in memory with it', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster(NONE);
  world.startOperator();
  await world.untilCluster('Ready', isReady);
  for (const { proxy } of world.safekeepers)
    proxy.react = onRequest(/pull_timeline/, { kind: 'Delay', delayMs: 60_000 });
  await world.wipe(2);
  await expect.poll(() => world.pulls().length, { timeout: 15_000 }).toBe(1);
  await world.deleteCluster();
  for (const { proxy } of world.safekeepers) proxy.react = () => undefined;
  await world.pass(60);
  expect(world.pulls()).toHaveLength(1);
});

const indexes = {
  identity: ({ spec }: SafekeeperTimeline) => [`${spec.tenantId}/${spec.timelineId}`],
  cluster: ({ spec }: SafekeeperTimeline) => [spec.clusterRef.name],
};
const timeline = (name: string, uid?: string): SafekeeperTimeline => ({
  apiVersion: API_VERSION,
  kind: TIMELINE_NAMES.kind,
  metadata: { name, namespace: 'default', ...(uid === undefined ? {} : { uid, resourceVersion: '1' }) },
  spec: { clusterRef: { name: 'main' }, tenantId: TENANT, timelineId: timelineId('1') },
});

test('kept timelines: found like others, replaced by objects, dropped for good', async () => {
  const store = new Store<SafekeeperTimeline, 'identity' | 'cluster'>(indexes);
  const objects = new TimelineObjects(store, indexes);
  const kept = timeline('kept');
  objects.keep(kept);
  expect(objects.get(keyOf(kept))).toBe(kept);
  expect(objects.byIndex('cluster', 'main')).toEqual([kept]);
  const refuse = { write: () => Promise.reject(new Error('no object')) };
  const writer = objects.writer(refuse);
  await writer.write(kept, { message: 'hello' }, never);
  expect(objects.get(keyOf(kept))?.status?.message).toBe('hello');

  const real = timeline('real', 'uid');
  store.put(real, false);
  expect(objects.get(keyOf(kept))).toBeUndefined();
  expect(objects.byIndex('cluster', 'main')).toEqual([real]);
  expect(objects.keptUnder('cluster', 'main')).toHaveLength(1);
  await expect(writer.write(real, {}, never)).rejects.toThrow('no object');

  objects.drop(kept);
  store.remove(real);
  expect(objects.byIndex('cluster', 'main')).toEqual([]);
  expect(await writer.write(kept, { message: 'too late' }, never)).toEqual({ kind: 'Unchanged' });
  expect(objects.get(keyOf(kept))).toBeUndefined();
});

test('no more are kept than memory is meant for', () => {
  const objects = new TimelineObjects(new Store<SafekeeperTimeline, 'identity' | 'cluster'>(indexes), indexes);
  const results = Array.from({ length: 10_001 }, (_, n) => objects.keep(timeline(`kept-${n}`)));
  expect([results.indexOf(false), results.filter((taken) => !taken)]).toEqual([10_000, [false]]);
  expect(objects.keep(timeline('kept-5'))).toBe(true);
});
