import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { onRequest } from './proxy.ts';
import { isReady, place, reasonsOf, stateOf, TestWorld } from './test-operator.ts';

const isPulling = (timeline: Parameters<typeof reasonsOf>[0]) => reasonsOf(timeline) === 'ReplicaLost/Pulling/-';

const tempCount = (world: TestWorld, id: number): number => {
  const temp = join(world.safekeeper(id).dataDirectory, 'tmp');
  return existsSync(temp) ? readdirSync(temp).length : 0;
};

async function pulling(): Promise<{ world: TestWorld; operator: { stop(): Promise<void> } }> {
  const world = await TestWorld.start(3, place(1));
  await world.createCluster();
  const operator = world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  world.safekeeper(1).proxy.react = onRequest(/\/snapshot\//, { kind: 'Stall', afterBytes: 5_000 }, 1);
  await world.wipe(2);
  await world.untilTimeline('1', 'pulling', isPulling);
  await eventually('bytes arrive', () => tempCount(world, 2) > 0);
  return { world, operator };
}

test('an operator that stops in the middle of a pull cancels it, and the next one heals once', async () => {
  const { world, operator } = await pulling();
  await using _world = world;
  await operator.stop();
  await eventually('the temp directory is gone', () => tempCount(world, 2) === 0);
  world.startOperator();
  const healed = await world.untilTimeline('1', 'healed', isReady);
  expect(world.pulls()).toHaveLength(2);
  expect(healed.status?.history).toMatchObject([{ outcome: 'Recovered' }]);
  expect(healed.status?.recovery).toBeUndefined();
});

test('deleting the object cancels its pull, and never the timeline', async () => {
  const { world } = await pulling();
  await using _world = world;
  await world.patch('cluster', { spec: { inventory: { timelines: 'None' } } });
  // A visit that still goes by the old spec would make the object again.
  await world.untilCluster('visited', ({ metadata, status }) => status?.observedGeneration === metadata.generation);
  await world.deleteTimeline('1');
  await eventually('the temp directory is gone', () => tempCount(world, 2) === 0);
  expect(await world.timelines()).toEqual([]);
  expect([1, 2, 3].map((id) => world.askedFor(id, /^DELETE/))).toEqual([0, 0, 0]);
  // Its slot is free for the next one.
  await world.createTimeline('1');
  await world.untilTimeline('1', 'healed', isReady);
});

test('moving the safekeepers to other addresses cancels the pull', async () => {
  const { world } = await pulling();
  await using _world = world;
  const moved = world.safekeepers.map(({ id, proxy }) => ({ id, url: proxy.url.replace('127.0.0.1', 'localhost') }));
  await world.patch('cluster', { spec: { safekeepers: moved } });
  await eventually('the temp directory is gone', () => tempCount(world, 2) === 0);
  await world.untilTimeline('1', 'healed', isReady);
});

test('watches that break and a history that is gone cost nothing', async () => {
  await using world = await TestWorld.start(3, place(1), { ownApi: true });
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.api.expire();
  world.api.door.dropWatches();
  await world.wipe(2);
  await world.patch('1', { spec: { recovery: { gracePeriod: '20s' } } });
  const healed = await world.untilTimeline('1', 'healed', ({ status }) => status?.history?.length === 1);
  expect(stateOf(healed, 2)).toBe('Present');
  expect(healed.status?.observedGeneration).toBe(2);
});

test('a new operator that hears of its timelines before their cluster says nothing wrong of them', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  const first = world.startOperator();
  const [before] = await world.untilTimelines('Ready', 1, isReady);
  await first.stop();
  world.startOperator({ slowClusterListMs: 300 });
  await world.pass(20);
  expect((await world.timeline('1')).metadata.resourceVersion).toBe(before?.metadata.resourceVersion);
});
