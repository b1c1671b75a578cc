import { cpSync } from 'node:fs';
import { expect, test } from 'vitest';
import { isReady, place, reasonsOf, stateOf, TestWorld } from './test-operator.ts';

const inGrace = (timeline: Parameters<typeof reasonsOf>[0]) => reasonsOf(timeline) === 'ReplicaLost/GracePeriod/-';

test('a replica that comes back within the grace period is left alone', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const victim = world.safekeeper(2);
  await world.wipe(2);
  const lost = await world.untilTimeline('1', 'in grace', inGrace);
  expect(lost.status?.replicas?.find(({ state }) => state === 'Lost')?.lostSince).toBeDefined();
  await victim.stop();
  cpSync(world.safekeeper(1).dataDirectory, victim.dataDirectory, {
    recursive: true,
    filter: (source) => !/safekeeper\.(id|pid)$/.test(source),
  });
  await victim.start();
  const back = await world.untilTimeline('1', 'Ready again', isReady);
  await world.pass(25);
  expect(world.pulls()).toEqual([]);
  expect(back.status?.history ?? []).toEqual([]);
  expect(back.status?.replicas?.some(({ lostSince }) => lostSince !== undefined)).toBe(false);
});

test('a new operator waits a whole grace period again', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({ recovery: { gracePeriod: '40s' } });
  const first = world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.wipe(2);
  await world.untilTimeline('1', 'in grace', inGrace);
  await world.pass(30);
  await first.stop();
  const startedMs = world.clock.monotonicMs();
  world.startOperator();
  await world.untilTimeline('1', 'Ready again', isReady);
  expect(world.clock.monotonicMs() - startedMs).toBeGreaterThan(40_000);
});

test('an object that takes the name of another one inherits none of its waiting', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({ inventory: { timelines: 'None' }, recovery: { gracePeriod: '40s' } });
  await world.createTimeline('1');
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.wipe(2);
  await world.untilTimeline('1', 'in grace', inGrace);
  await world.pass(30);
  const startedMs = world.clock.monotonicMs();
  {
    // So that no visit falls in between.
    using _frozen = world.api.door.freezeWatches();
    await world.deleteTimeline('1');
    await world.createTimeline('1');
  }
  await world.untilTimeline('1', 'in grace', (timeline) => stateOf(timeline, 2) === 'Lost');
  await world.untilTimeline('1', 'Ready again', isReady);
  expect(world.clock.monotonicMs() - startedMs).toBeGreaterThan(40_000);
});
