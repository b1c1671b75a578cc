import { expect, test } from 'vitest';
import { isReady, place, reasonsOf, stateOf, TestWorld } from './test-operator.ts';

const APPROVE = 'safekeeper.dev/approve';

test('a proposal waits for its own id, and an approval counts once', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({ recovery: { mode: 'Propose' } });
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.wipe(2);
  const isProposed = (timeline: Parameters<typeof reasonsOf>[0]) =>
    reasonsOf(timeline) === 'ReplicaLost/-/ApprovalNeeded';
  const proposed = await world.untilTimeline('1', 'a proposal', isProposed);
  const proposal = proposed.status!.proposal!;
  expect(proposal).toMatchObject({ recipient: 2, forced: false, members: [1, 2, 3], generation: '0' });
  expect(proposed.status?.message).toContain(proposal.id);

  await world.annotate('1', { [APPROVE]: 'stale' });
  const refused = await world.untilTimeline('1', 'refused', ({ status }) => status?.lastHandledApprove === 'stale');
  expect(refused.status?.message).toContain('was refused');
  expect(world.pulls()).toEqual([]);

  await world.annotate('1', { [APPROVE]: proposal.id });
  const healed = await world.untilTimeline('1', 'healed', isReady);
  expect(healed.status).toMatchObject({ lastHandledApprove: proposal.id, history: [{ outcome: 'Recovered' }] });
  expect(healed.status?.proposal).toBeUndefined();
  expect(world.pulls()).toHaveLength(1);

  // The same loss again, with the annotation still there as Git would keep it.
  await world.wipe(2);
  const again = await world.untilTimeline('1', 'a proposal again', isProposed);
  expect(again.status?.proposal?.id).toBe(proposal.id);
  await world.pass(40);
  expect(world.pulls()).toHaveLength(1);
  await world.annotate('1', { [APPROVE]: null });
  await world.untilTimeline('1', 'forgotten', ({ status }) => status?.lastHandledApprove === undefined);
  await world.annotate('1', { [APPROVE]: proposal.id });
  await world.untilTimeline('1', 'healed again', isReady);
});

test('Disabled only reports, for one timeline or all', async () => {
  await using world = await TestWorld.start(3, place(2));
  await world.createCluster();
  await world.createTimeline('1', { recovery: { mode: 'Disabled' } });
  world.startOperator();
  await world.untilTimelines('Ready', 2, isReady);
  await world.wipe(2);
  await world.untilTimeline('2', 'the other one is healed', (timeline) => timeline.status?.history?.length === 1);
  const disabled = await world.untilTimeline('1', 'it is not', (timeline) =>
    reasonsOf(timeline).endsWith('RecoveryDisabled'),
  );
  expect(reasonsOf(disabled)).toBe('ReplicaLost/-/RecoveryDisabled');
  expect(stateOf(disabled, 2)).toBe('Lost');
  expect(world.pulls()).toHaveLength(1);
});
