import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TIMELINE_RESOURCE } from '../../src/api/names.ts';
import { term } from '../../src/domain/term.ts';
import { placeTimeline, TENANT } from '../agent/test-agent.ts';
import { onRequest } from './proxy.ts';
import { conditionOf, isReady, place, reasonsOf, stateOf, TestWorld, timelineId } from './test-operator.ts';

const directory = (world: TestWorld, id: number, digit = '1') =>
  join(world.safekeeper(id).dataDirectory, TENANT, timelineId(digit));

async function ready(count = 1, spec: Record<string, unknown> = {}): Promise<TestWorld> {
  const world = await TestWorld.start(3, place(count));
  await world.createCluster(spec);
  world.startOperator();
  await world.untilTimelines('Ready', count, isReady);
  return world;
}

async function restart(world: TestWorld, id: number, change: () => void): Promise<void> {
  await world.safekeeper(id).stop();
  change();
  await world.safekeeper(id).start();
}

const becomes = (reasons: string) => (timeline: Parameters<typeof reasonsOf>[0]) => reasonsOf(timeline) === reasons;

test('a timeline that one member calls deleted is never restored', async () => {
  await using world = await ready();
  await world.wipe(2);
  const { url } = world.safekeeper(3).proxy;
  await fetch(`${url}/v1/tenant/${TENANT}/timeline/${timelineId('1')}?only_local=true`, { method: 'DELETE' });
  const timeline = await world.untilTimeline('1', 'blocked', becomes('TimelineDeleted/-/TimelineDeleted'));
  expect([stateOf(timeline, 2), stateOf(timeline, 3)]).toEqual(['Lost', 'Deleted']);
  expect(timeline.status?.message).toContain('delete this object');
  await world.pass(25);
  expect(world.pulls()).toEqual([]);
});

test('a member that was created anew without its log is hollow, and no pull touches it', async () => {
  await using world = await ready();
  await restart(world, 2, () => rmSync(directory(world, 2), { recursive: true }));
  await world.untilTimeline('1', 'lost', (timeline) => stateOf(timeline, 2) === 'Lost');
  await world.safekeeper(2).stop();
  await placeTimeline(world.safekeeper(2).dataDirectory, {
    snapshot: 'compute_created_greeting_only',
    tenantId: TENANT,
    timelineId: timelineId('1'),
  });
  await world.safekeeper(2).start();
  const timeline = await world.untilTimeline('1', 'hollow', becomes('ReplicaHollow/-/ReplicaHollow'));
  expect(timeline.status).toMatchObject({ redundancy: '2/3' });
  expect(stateOf(timeline, 2)).toBe('Hollow');
  expect(world.pulls()).toEqual([]);
});

test('an old disk that was put back is hollow', async () => {
  await using world = await TestWorld.start(3, async (dataDirectory) => {
    await placeTimeline(dataDirectory, {
      snapshot: 'gen0_v9',
      tenantId: TENANT,
      timelineId: timelineId('1'),
      change: (file) => ({
        ...file,
        term: term(file.term + 5n),
      }),
    });
  });
  await world.createCluster({ inventory: { verifyInterval: '10s' } });
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.safekeeper(2).stop();
  await place(1)(world.safekeeper(2).dataDirectory);
  await world.safekeeper(2).start();
  const timeline = await world.untilTimeline('1', 'hollow', becomes('ReplicaHollow/-/ReplicaHollow'));
  expect(timeline.status?.message).toContain('its term went back');
  await world.pass(25);
  expect(reasonsOf(await world.timeline('1'))).toBe('ReplicaHollow/-/ReplicaHollow');
});

test('a directory that the recipient cannot load is not overwritten, and a restarted operator remembers', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  const first = world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await restart(world, 2, () =>
    writeFileSync(join(directory(world, 2), 'safekeeper.control'), 'torn, but longer than that'),
  );
  const timeline = await world.untilTimeline('1', 'corrupt', becomes('ReplicaCorrupt/-/ReplicaCorrupt'));
  expect(stateOf(timeline, 2)).toBe('Corrupt');
  expect(timeline.status?.history).toMatchObject([{ outcome: 'Failed', reason: 'ReplicaCorrupt' }]);
  expect(world.pulls()).toHaveLength(1);
  await first.stop();
  world.startOperator();
  await world.pass(60);
  expect(world.pulls()).toHaveLength(1);
  expect(readdirSync(directory(world, 2))).toContain('safekeeper.control');

  // A person mends it and says so.
  rmSync(directory(world, 2), { recursive: true });
  await world.annotate('1', { 'safekeeper.dev/reconcile-at': 'mended' });
  await world.untilTimelines('healed', 1, isReady);
});

test('a member whose WAL files are gone under an intact control file is neither donor nor witness', async () => {
  await using world = await ready();
  const segment = readdirSync(directory(world, 1)).find((name) => name.startsWith('0000'))!;
  rmSync(join(directory(world, 1), segment));
  await world.wipe(2);
  const timeline = await world.untilTimeline('1', 'blocked', (skt) => stateOf(skt, 1) === 'Damaged');
  expect(reasonsOf(timeline)).toBe('QuorumLost/-/QuorumLost');
  expect(timeline.status?.proposal).toMatchObject({ donor: 3, recipient: 2, forced: true });
  expect(world.pulls()).toEqual([]);
});

test('damage is remembered by a restarted operator until somebody has mended it and says so', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  const operator = world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const segment = readdirSync(directory(world, 1)).find((name) => name.startsWith('0000'))!;
  const bytes = readFileSync(join(directory(world, 1), segment));
  rmSync(join(directory(world, 1), segment));
  await world.wipe(2);
  await world.untilTimeline('1', 'blocked', (skt) => stateOf(skt, 1) === 'Damaged');

  // Its term moves on, which brings no file back.
  await world.safekeeper(1).stop();
  await operator.stop();
  await world.safekeeper(1).start();
  const path = `/v1/tenant/${TENANT}/timeline/${timelineId('1')}/term_bump`;
  await fetch(world.safekeeper(1).proxy.url + path, { method: 'POST', body: '{}' });
  const asked = world.askedFor(1, /debug_dump/);
  world.startOperator();
  await expect.poll(() => world.askedFor(1, /debug_dump/), { timeout: 15_000 }).toBeGreaterThan(asked);
  await world.pass(40);
  expect(stateOf(await world.timeline('1'), 1)).toBe('Damaged');
  expect(world.pulls()).toEqual([]);

  writeFileSync(join(directory(world, 1), segment), bytes);
  await world.annotate('1', { 'safekeeper.dev/reconcile-at': 'mended' });
  await world.untilTimelines('healed', 1, isReady);
});

test('without a quorum only a person can go on, with the one annotation for that', async () => {
  await using world = await ready(2);
  await Promise.all([world.wipe(2), world.wipe(3)]);
  const blocked = await world.untilTimeline('1', 'blocked', becomes('QuorumLost/-/QuorumLost'));
  expect(conditionOf(blocked, 'QuorumIntact')?.status).toBe('False');
  const proposal = blocked.status!.proposal!;
  expect(proposal).toMatchObject({ donor: 1, recipient: 2, forced: true });
  await world.annotate('1', { 'safekeeper.dev/approve': proposal.id });
  await world.untilTimeline('1', 'refused', ({ status }) => status?.lastHandledApprove === proposal.id);
  expect(world.pulls()).toEqual([]);

  await world.patch('cluster', { spec: { recovery: { maxLost: '100%' } } });
  await world.annotate('1', { 'safekeeper.dev/force-donor': proposal.id });
  const forced = await world.untilTimeline(
    '1',
    'forced',
    ({ status }) => status?.history?.at(-1)?.outcome === 'Recovered',
  );
  expect(forced.status?.history?.at(-1)).toMatchObject({ recipient: 2, donor: 1, forced: true });
  // With two of three the ordinary way is open again.
  await world.untilTimeline('1', 'healed', isReady);
  const events = await world.events();
  expect(events.find(({ message }) => message.includes('forced by the annotation'))?.reason).toBe('RecoveryStarted');
  expect(reasonsOf(await world.timeline('2'))).toBe('QuorumLost/-/QuorumLost');
});

test('a timeline that nobody has any more is the loudest alarm', async () => {
  await using world = await ready();
  await Promise.all([1, 2, 3].map((id) => world.wipe(id)));
  const timeline = await world.untilTimeline('1', 'alarm', becomes('AllReplicasLost/-/AllReplicasLost'));
  expect(conditionOf(timeline, 'QuorumIntact')).toMatchObject({ status: 'False', reason: 'AllReplicasLost' });
  await world.untilEvents('AllReplicasLost');
});

test('what is wrong with an object itself is said on the object', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createTimeline('1');
  world.startOperator();
  await world.untilTimeline('1', 'no cluster', becomes('ClusterNotFound/-/ClusterNotFound'));
  await world.createCluster();
  await world.untilTimeline('1', 'a cluster', isReady);

  const { metadata, ...rest } = await world.timeline('1');
  // Timestamps have whole seconds, and of equals the lower name counts as older.
  const double = {
    ...rest,
    status: undefined,
    metadata: { name: `${metadata.name}-again`, namespace: metadata.namespace },
  };
  await world.client.create(
    TIMELINE_RESOURCE,
    double as unknown as typeof rest & { metadata: typeof metadata },
    AbortSignal.timeout(5_000),
  );
  const isDouble = (timeline: { metadata: { name: string } }) => timeline.metadata.name.endsWith('-again');
  const duplicate = await world.untilTimeline(
    '1',
    'duplicate',
    (skt) => isDouble(skt) && reasonsOf(skt) === 'Duplicate/-/Duplicate',
  );
  expect(duplicate.status?.message).toContain(`${metadata.name} is older`);
  expect(isReady((await world.timelines()).find((timeline) => !isDouble(timeline))!)).toBe(true);
  // When the older one goes, the other takes its place at once.
  await world.deleteTimeline('1');
  await world.untilTimelines('the duplicate is Ready', 1, (timeline) => isDouble(timeline) && isReady(timeline));

  // An older CRD may have admitted it.
  await world.patch('cluster', { metadata: { annotations: { 'safekeeper.dev/paused-until': 'tomorrow' } } });
  const cluster = await world.untilCluster('paused', (skc) => conditionOf(skc, 'Paused')?.status === 'True');
  expect(conditionOf(cluster, 'Paused')?.message).toContain('must be an RFC 3339 time');
});

test('members are never guessed, and a configuration that contradicts the spec is a conflict', async () => {
  await using world = await TestWorld.start(4, place(1));
  await placeTimeline(world.safekeeper(1).dataDirectory, {
    snapshot: 'resident_partial',
    tenantId: TENANT,
    timelineId: timelineId('2'),
  });
  await restart(world, 1, () => undefined);
  await world.createCluster();
  await world.createTimeline('2', { members: [1, 4] });
  world.startOperator();
  const unknown = await world.untilTimeline('1', 'unknown', becomes('MembersUnknown/-/MembersUnknown'));
  expect(unknown.status?.message).toContain('set spec.members');
  const conflict = await world.untilTimeline('2', 'conflict', becomes('GenerationConflict/-/GenerationConflict'));
  expect(conflict.status?.message).toContain('spec.members');
  await world.patch('1', { spec: { members: [1, 2, 3] } });
  await world.untilTimeline('1', 'Ready', isReady);
});

test('the API refuses a malformed object and names the field', async () => {
  await using world = await TestWorld.start(0, place(0));
  await expect(world.createTimeline('1', { tenantId: 'ABC' })).rejects.toThrow(/spec\.tenantId: Invalid value/);
  await expect(world.createCluster({ safekeepers: [{ id: 1, url: 'sk-1' }] })).rejects.toThrow(
    /spec\.safekeepers\[0\]\.url/,
  );
  await expect(
    world.createCluster({ safekeepers: [{ id: 1, url: 'http://sk-1' }], recovery: { gracePeriod: '1s' } }),
  ).rejects.toThrow(/spec\.recovery\.gracePeriod.*from 15s/s);
});

test('a safekeeper without the newer debug calls is healed all the same; one whose dump fails is waited for', async () => {
  await using world = await ready();
  const old = onRequest(/\/v1\/debug/, { kind: 'Answer', status: 404, body: 'Not Found' });
  for (const { proxy } of world.safekeepers) proxy.react = old;
  await world.wipe(2);
  await world.untilTimeline(
    '1',
    'healed',
    ({ status }) => status?.history?.length === 1 && status.redundancy === '3/3',
  );

  for (const { proxy } of world.safekeepers) {
    proxy.react = onRequest(/\/v1\/debug_dump/, { kind: 'Answer', status: 500, body: { msg: 'too busy' } });
  }
  await world.wipe(2);
  const waiting = await world.untilTimeline(
    '1',
    'it waits',
    (skt) => reasonsOf(skt) === 'ReplicaLost/WaitingForWitnesses/-',
  );
  expect(waiting.status?.message).toContain('shows what is on its disk');
  expect(world.pulls()).toHaveLength(1);
  for (const { proxy } of world.safekeepers) proxy.react = () => undefined;
  await world.untilTimeline('1', 'healed again', isReady);
});
