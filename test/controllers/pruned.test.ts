import { expect, test } from 'vitest';
import { TENANT } from '../agent/test-agent.ts';
import { isReady, place, reasonsOf, TestWorld, timelineId } from './test-operator.ts';

async function deleteEverywhere(world: TestWorld, digit: string): Promise<void> {
  for (const { proxy } of world.safekeepers) {
    await fetch(`${proxy.url}/v1/tenant/${TENANT}/timeline/${timelineId(digit)}?only_local=true`, { method: 'DELETE' });
  }
}

test('the object of a deleted timeline is removed; those of people, and alarms, stay', async () => {
  await using world = await TestWorld.start(3, place(3));
  await world.createTimeline('2');
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 3, isReady);
  await deleteEverywhere(world, '1');
  await deleteEverywhere(world, '2');
  const digits = async () => (await world.timelines()).map(({ spec }) => spec.timelineId.slice(0, 1)).toSorted();
  await expect.poll(digits, { timeout: 15_000 }).toEqual(['2', '3']);
  await world.untilTimeline('2', 'it is said', (skt) => reasonsOf(skt).startsWith('TimelineDeleted/'));

  await Promise.all([1, 2, 3].map((id) => world.wipe(id)));
  await world.untilTimeline('3', 'nobody has it', (skt) => reasonsOf(skt).startsWith('AllReplicasLost/'));
  await world.pass(40);
  expect(await digits()).toEqual(['2', '3']);
  expect(world.pulls()).toEqual([]);
});
