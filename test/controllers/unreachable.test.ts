import { expect, test } from 'vitest';
import { onRequest } from './proxy.ts';
import { conditionOf, isReady, place, reasonsOf, stateOf, TestWorld } from './test-operator.ts';

test('a safekeeper that stops answering is a condition, and Ready comes back with it', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.untilCluster('Ready', isReady);

  await world.safekeeper(2).stop();
  const [silent] = await world.untilTimelines('it is missed', 1, (timeline) => !isReady(timeline));
  expect(reasonsOf(silent!)).toBe('ReplicaUnreachable/WaitingForWitnesses/-');
  expect(silent!.status).toMatchObject({ redundancy: '2/3' });
  expect(stateOf(silent!, 2)).toBe('Unreachable');
  const cluster = await world.untilCluster('it is missed', (skc) => !isReady(skc));
  expect(cluster.status?.safekeepers?.map(({ reachable }) => reachable)).toEqual([true, false, true]);
  expect(conditionOf(cluster, 'Ready')?.message).toContain('safekeeper 2 does not answer');

  await world.safekeeper(2).start();
  await world.untilTimelines('Ready again', 1, isReady);
  await world.untilCluster('Ready again', isReady);
  expect(world.pulls()).toEqual([]);
  await world.untilEvents('ReplicaUnreachable', 'Recovered');
});

test.each([
  ['errors', { kind: 'Answer', status: 503, body: { msg: 'overloaded' } }],
  ['a body that is no status', { kind: 'Answer', status: 200, body: '{"tenant_id": "nobody"}' }],
  ['a not-found of somebody else', { kind: 'Answer', status: 404, body: 'Not Found' }],
  ['a cut body', { kind: 'Break', afterBytes: 20 }],
] as const)('%s about a timeline are never taken for a loss', async (_what, reaction) => {
  await using world = await TestWorld.start(3, place(1));
  world.safekeeper(3).proxy.react = onRequest(/^GET \/v1\/tenant\/\w+\/timeline\/\w+$/, reaction);
  await world.createCluster();
  world.startOperator();
  const timeline = await world.untilTimeline('1', 'it is seen', ({ status }) => status?.replicas?.length === 3);
  expect(reasonsOf(timeline)).toBe('ReplicaUnreachable/WaitingForWitnesses/-');
  await world.pass(25);
  expect(['Unknown', 'Unreachable']).toContain(stateOf(await world.timeline('1'), 3));
  expect(world.pulls()).toEqual([]);
});

test('a loss waits for every member, then says who is missing once the time for that is over', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({ recovery: { unknownTimeout: '10s' } });
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.safekeeper(3).stop();
  await world.wipe(2);
  const stalled = await world.untilTimeline('1', 'it stalls', (timeline) =>
    reasonsOf(timeline).endsWith('/-/ReplicaUnreachable'),
  );
  expect(conditionOf(stalled, 'Ready')?.reason).toBe('ReplicaLost');
  expect(stalled.status?.message).toContain('safekeeper 3 does not answer');
  expect(world.pulls()).toEqual([]);
  await world.safekeeper(3).start();
  await world.untilTimelines('Ready again', 1, isReady);
  expect(world.pulls()).toHaveLength(1);
});

test('an address that answers with another id is reported and not used; nor is the address with that id', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.untilCluster('Ready', isReady);
  world.safekeeper(3).proxy.react = onRequest(/\/v1\/status$/, { kind: 'Answer', status: 200, body: { id: 2 } });
  const cluster = await world.untilCluster('the conflict is seen', (skc) => !isReady(skc));
  expect(reasonsOf(cluster)).toBe('SafekeeperIdConflict/-/SafekeeperIdConflict');
  expect(cluster.status?.safekeepers?.map(({ reachable }) => reachable)).toEqual([true, false, false]);
  const timeline = await world.untilTimeline('1', 'the conflict is seen', (skt) => stateOf(skt, 3) === 'Unknown');
  expect(reasonsOf(timeline)).toBe('SafekeeperIdConflict/-/SafekeeperIdConflict');
  expect([1, 2, 3].map((id) => stateOf(timeline, id))).toEqual(['Present', 'Unknown', 'Unknown']);
  world.safekeeper(3).proxy.react = () => undefined;
  await world.untilTimelines('Ready again', 1, isReady);
});

test('a safekeeper that refuses the credentials is told apart from one that is silent', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.safekeeper(3).proxy.react = onRequest(/\/v1\/tenant/, {
    kind: 'Answer',
    status: 403,
    body: { msg: 'JWT expired' },
  });
  world.startOperator();
  const cluster = await world.untilCluster('it is seen', (skc) => conditionOf(skc, 'Ready')?.status === 'False');
  expect(reasonsOf(cluster)).toBe('CredentialsInvalid/-/CredentialsInvalid');
  const timeline = await world.untilTimeline('1', 'it is seen', ({ status }) => status?.replicas?.length === 3);
  expect(reasonsOf(timeline)).toBe('CredentialsInvalid/-/CredentialsInvalid');
  expect(timeline.status?.message).toContain('JWT expired');
});
