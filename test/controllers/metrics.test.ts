import { expect, test } from 'vitest';
import { isReady, place, reasonsOf, TestWorld } from './test-operator.ts';

test('metrics count timelines by what is the matter with them, and recoveries by how they ended', async () => {
  await using world = await TestWorld.start(3, place(2));
  await world.createCluster();
  await world.createTimeline('2', { recovery: { mode: 'Disabled' } });
  world.startOperator();
  await world.untilTimelines('Ready', 2, isReady);
  const labels = `namespace="${world.api.namespace}",cluster="main"`;
  const metrics = () => world.registry.metrics();
  expect(await metrics()).toContain(`safekeeper_operator_timelines{${labels},reason="AllReplicasPresent"} 2\n`);

  await world.wipe(3);
  await world.untilTimeline('1', 'healed', ({ status }) => status?.history?.length === 1);
  await world.untilTimeline('2', 'refused', (timeline) => reasonsOf(timeline).endsWith('/RecoveryDisabled'));
  const text = await metrics();
  expect(text).toContain(`safekeeper_operator_timelines{${labels},reason="AllReplicasPresent"} 1\n`);
  expect(text).toContain(`safekeeper_operator_timelines{${labels},reason="ReplicaLost"} 1\n`);
  expect(text).toContain(`safekeeper_operator_timelines_stalled{${labels},reason="RecoveryDisabled"} 1\n`);
  expect(text).toMatch(/safekeeper_operator_clusters\{.*\} 1\n/);
  expect(text).toContain('safekeeper_operator_timeline_outcomes_total{reason="RecoveryDisabled"} 1\n');
  expect(text).toContain('safekeeper_operator_timeline_outcomes_total{reason="Recovered"} 1\n');
  expect(text).toContain('safekeeper_operator_recoveries_total{result="Recovered",fencing="ByTerms"} 1\n');
  expect(text).toContain('safekeeper_operator_recovery_duration_seconds_count{result="Recovered"} 1\n');
  expect(text).toMatch(/safekeeper_operator_restored_bytes_total [1-9]/);
  expect(text).toContain('safekeeper_operator_recoveries_running 0\n');
});
