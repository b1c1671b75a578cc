import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TENANT } from '../agent/test-agent.ts';
import { eventually } from '../support/eventually.ts';
import { isReady, place, reasonsOf, TestWorld, timelineId } from './test-operator.ts';

async function lose(world: TestWorld, id: number, ...digits: string[]): Promise<void> {
  const safekeeper = world.safekeeper(id);
  await safekeeper.stop();
  for (const digit of digits) rmSync(join(safekeeper.dataDirectory, TENANT, timelineId(digit)), { recursive: true });
  await safekeeper.start();
}

test('losses on two safekeepers at once stop everything until a person raises the limit', async () => {
  await using world = await TestWorld.start(3, place(4));
  await world.createCluster({ recovery: { gracePeriod: '60s' } });
  world.startOperator();
  await world.untilTimelines('Ready', 4, isReady);
  await lose(world, 2, '1');
  await lose(world, 3, '2');
  const cluster = await world.untilCluster('the brake', (skc) => reasonsOf(skc) === 'StormBrake/-/StormBrake');
  expect(cluster.status?.message).toContain('spec.recovery.maxLost');
  await world.untilTimeline('1', 'braked', (timeline) => reasonsOf(timeline) === 'ReplicaLost/-/StormBrake');
  await world.untilTimeline('2', 'braked', (timeline) => reasonsOf(timeline) === 'ReplicaLost/-/StormBrake');
  expect(world.pulls()).toEqual([]);
  await world.untilEvents('StormBrake');
  await world.patch('cluster', { spec: { recovery: { maxLost: '100%' } } });
  await world.untilTimelines('healed', 4, isReady);
  await world.untilCluster('Ready', isReady);
});

test('one safekeeper that loses everything is healed within the limits, some wait for their turn', async () => {
  await using world = await TestWorld.start(3, place(4));
  await world.createCluster({ recovery: { maxConcurrent: 1 } });
  world.startOperator();
  await world.untilTimelines('Ready', 4, isReady);
  world.safekeeper(1).proxy.react = ({ path }) =>
    path.includes('/snapshot/') ? { kind: 'Stall', afterBytes: 1_000 } : undefined;
  await world.wipe(2);
  const all = await world.untilTimelines('one pulls, the others wait', 4, (timeline) =>
    ['ReplicaLost/Pulling/-', 'ReplicaLost/Queued/-'].includes(reasonsOf(timeline)),
  );
  expect(all.filter((timeline) => reasonsOf(timeline).includes('Pulling'))).toHaveLength(1);
  await eventually('the pull is asked for', () => world.pulls().length > 0);
  await world.pass(15);
  expect(world.pulls()).toHaveLength(1);
  const pulling = all.find((timeline) => reasonsOf(timeline).includes('Pulling'))!;
  world.safekeeper(1).proxy.react = () => undefined;
  // The one in the way goes; a ticket of an object that is gone must not keep the line waiting.
  const waiting = all.find((timeline) => timeline !== pulling)!;
  await world.patch('cluster', { spec: { inventory: { timelines: 'None' } } });
  await world.deleteTimeline(waiting.spec.timelineId.slice(0, 1));
  await world.deleteTimeline(pulling.spec.timelineId.slice(0, 1));
  await world.untilTimelines('the rest is healed', 2, isReady);
});
