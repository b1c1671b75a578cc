import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { approve } from '../../src/cli/verbs/approve.ts';
import { forceDonor } from '../../src/cli/verbs/force-donor.ts';
import { pause, resume } from '../../src/cli/verbs/pause.ts';
import { conditionOf, isReady, place, reasonsOf, TestWorld } from '../controllers/test-operator.ts';
import { FakeConsole, NEVER } from './api-objects.ts';

async function open(recovery: object): Promise<TestWorld> {
  const world = await TestWorld.start(3, place(1));
  await world.createCluster({ recovery });
  await world.createTimeline('1');
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  return world;
}

test('what is approved is restored by the operator, also when the same is lost again', {
  timeout: 60_000,
}, async () => {
  await using world = await open({ mode: 'Propose' });
  const { namespace } = world.api;
  for (let time = 1; time <= 2; time++) {
    await world.wipe(2);
    const isProposed = (timeline: Parameters<typeof reasonsOf>[0]) => reasonsOf(timeline).endsWith('ApprovalNeeded');
    await world.untilTimeline('1', 'a proposal', isProposed);
    await approve(world.client, namespace, 'timeline-1', undefined, new FakeConsole(), systemClock, NEVER);
    await world.untilTimeline(
      '1',
      'healed',
      (timeline) => isReady(timeline) && timeline.status?.history?.length === time,
    );
  }
  expect(world.pulls()).toHaveLength(2);
});

test('a loss that was accepted is restored from what is left', { timeout: 60_000 }, async () => {
  await using world = await open({ maxLost: '100%' });
  await world.wipe(1);
  await world.wipe(2);
  const lost = await world.untilTimeline('1', 'a proposal', ({ status }) => status?.proposal?.forced === true);
  const console = new FakeConsole(() => Promise.resolve(lost.status?.proposal?.id));
  await forceDonor(world.client, world.api.namespace, 'timeline-1', {}, console, systemClock, NEVER);
  expect(console.warned.join('\n')).toMatch(/safekeeper 3: Present, WAL until [0-9A-F]+\/[0-9A-F]+/);
  const healed = await world.untilTimeline(
    '1',
    'healed',
    ({ status }) => status?.history?.[0]?.outcome === 'Recovered',
  );
  expect(healed.status?.history?.[0]).toMatchObject({ donor: 3, forced: true });
});

test('a cluster that is paused restores nothing until it is resumed', { timeout: 60_000 }, async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const act = (what: typeof resume) =>
    what(world.client, world.api.namespace, 'skc/main', new FakeConsole(), world.clock, NEVER);
  await pause(world.client, world.api.namespace, 'main', 2 * 3_600_000, new FakeConsole(), world.clock, NEVER);
  await world.untilCluster('paused', (cluster) => conditionOf(cluster, 'Paused')?.status === 'True');
  await world.wipe(2);
  await world.untilTimeline('1', 'lost', (timeline) => !isReady(timeline));
  await world.pass(60);
  expect(world.pulls()).toEqual([]);
  await act(resume);
  await world.untilTimeline('1', 'healed', (timeline) => timeline.status?.history?.length === 1);
});
