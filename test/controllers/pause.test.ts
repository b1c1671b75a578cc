import { expect, test } from 'vitest';
import { onRequest } from './proxy.ts';
import { conditionOf, isReady, place, reasonsOf, stateOf, TestWorld } from './test-operator.ts';

const PAUSED_UNTIL = 'safekeeper.dev/paused-until';
const isPaused = (object: Parameters<typeof conditionOf>[0]) => conditionOf(object, 'Paused')?.status === 'True';

test.each([
  ['spec.paused of the timeline', '1', { spec: { paused: true } }, { spec: { paused: false } }],
  ['spec.paused of the cluster', 'cluster', { spec: { paused: true } }, { spec: { paused: false } }],
  [
    'an annotation that cannot be read',
    '1',
    { metadata: { annotations: { [PAUSED_UNTIL]: 'tomorrow' } } },
    { metadata: { annotations: { [PAUSED_UNTIL]: null } } },
  ],
])('%s pauses: Ready is as observed, nothing is done until it is taken back', async (_what, whom, pause, resume) => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.patch(whom, pause);
  const paused = await world.untilTimeline('1', 'paused', isPaused);
  expect(reasonsOf(paused)).toBe('AllReplicasPresent/-/-');
  await world.wipe(2);
  const lost = await world.untilTimeline('1', 'the loss is seen', (timeline) => stateOf(timeline, 2) === 'Lost');
  expect(reasonsOf(lost)).toBe('ReplicaLost/-/-');
  await world.pass(30);
  expect(world.pulls()).toEqual([]);
  expect(reasonsOf(await world.timeline('1'))).toBe('ReplicaLost/-/-');

  await world.patch(whom, resume);
  await world.untilTimelines('healed', 1, (timeline) => isReady(timeline) && !isPaused(timeline));
  await world.untilEvents('Paused', 'Resumed', 'Recovered');
});

test('a pause with a time ends by itself, also while nothing else happens', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const until = new Date(world.clock.wallTimeMs() + 25_000).toISOString();
  await world.annotate('1', { [PAUSED_UNTIL]: until });
  const paused = await world.untilTimeline('1', 'paused', isPaused);
  expect(conditionOf(paused, 'Paused')?.message).toContain(until.slice(0, 19));
  await world.untilTimeline('1', 'no longer paused', (timeline) => !isPaused(timeline));
});

test('a pause cancels the pull that runs, and gives its slot back', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  world.safekeeper(1).proxy.react = onRequest(/\/snapshot\//, { kind: 'Stall', afterBytes: 1_000 });
  await world.wipe(2);
  await world.untilTimeline('1', 'it is pulling', (timeline) => reasonsOf(timeline) === 'ReplicaLost/Pulling/-');
  await world.patch('1', { spec: { paused: true } });
  const cancelled = await world.untilTimeline('1', 'it is cancelled', ({ status }) => status?.history?.length === 1);
  expect(cancelled.status?.history?.[0]).toMatchObject({ outcome: 'Cancelled', message: 'recovery was paused' });
  expect(cancelled.status?.recovery).toBeUndefined();
  world.safekeeper(1).proxy.react = () => undefined;
  await world.patch('1', { spec: { paused: false } });
  await world.untilTimelines('healed', 1, isReady);
});
