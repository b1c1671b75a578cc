import { expect, test } from 'vitest';
import { TENANT } from '../agent/test-agent.ts';
import { conditionOf, isReady, place, reasonsOf, TestWorld, timelineId } from './test-operator.ts';
import { SafekeeperClient } from '../../src/safekeeper/client.ts';
import { parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { term } from '../../src/domain/term.ts';

test('a settled cluster is written once and then never again, though its WAL and terms move', async () => {
  await using world = await TestWorld.start(3, place(3));
  await world.createCluster({ inventory: { verifyInterval: '10s' } });
  world.startOperator();
  await world.untilTimelines('all are Ready', 3, isReady);
  const cluster = await world.untilCluster('the cluster is Ready', isReady);
  const versions = async () => [
    (await world.cluster()).metadata.resourceVersion,
    ...(await world.timelines()).map(({ metadata }) => metadata.resourceVersion),
  ];
  const before = await versions();
  const tenantId = parseTenantId(TENANT)!;
  for (const { proxy } of world.safekeepers) {
    const client = new SafekeeperClient({ http: world.http, url: proxy.url });
    await client.termBump(
      { tenantId, timelineId: parseTimelineId(timelineId('1'))! },
      term(77n),
      AbortSignal.timeout(5_000),
    );
  }
  const asked = world.safekeeper(1).proxy.requests.length;
  await world.pass(40);

  expect(await versions()).toEqual(before);
  // It did look: some ten scans, and a probe of everything at least every ten seconds.
  const requests = world.safekeeper(1).proxy.requests.slice(asked);
  expect(requests.filter(({ path }) => path === '/v1/tenant/timeline').length).toBeGreaterThan(5);
  expect(requests.filter(({ path }) => path.endsWith(timelineId('1'))).length).toBeGreaterThanOrEqual(3);
  expect(cluster.status?.timelines).toMatchObject({ total: 3, redundant: 3, degraded: 0 });
  expect(cluster.status?.conditions?.map(({ type }) => type)).toEqual([
    'Ready',
    'Reconciling',
    'Stalled',
    'Paused',
    'QuorumIntact',
  ]);
  expect(await world.eventReasons()).toEqual([]);
});

test('a request to look now probes, and writes what it saw', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  const [before] = await world.untilTimelines('Ready', 1, isReady);
  // Times are written to the second.
  await world.pass(2);
  await world.annotate('1', { 'safekeeper.dev/reconcile-at': 'now' });
  const after = await world.untilTimeline(
    '1',
    'it was handled',
    ({ status }) => status?.lastHandledReconcileAt === 'now',
  );
  expect(after.status?.replicas?.[0]?.observedAt).not.toBe(before?.status?.replicas?.[0]?.observedAt);
  expect(conditionOf(after, 'Ready')?.lastTransitionTime).toBe(conditionOf(before!, 'Ready')?.lastTransitionTime);
});

test('a timeline says that it is being looked at until its cluster has been', async () => {
  await using world = await TestWorld.start(3, place(1));
  for (const { proxy } of world.safekeepers) proxy.react = () => ({ kind: 'Delay', delayMs: 300 });
  await world.createCluster();
  await world.createTimeline('1');
  world.startOperator();
  const timeline = await world.untilTimeline(
    '1',
    'conditions are written',
    ({ status }) => status?.conditions !== undefined,
  );
  expect(reasonsOf(timeline)).toBe('Observing/Observing/-');
  for (const { proxy } of world.safekeepers) proxy.react = () => undefined;
  await world.untilTimeline('1', 'Ready in the end', isReady);
});
