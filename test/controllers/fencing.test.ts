import { expect, test } from 'vitest';
import { formatTenantTimelineId, parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { SafekeeperClient } from '../../src/safekeeper/client.ts';
import { placeTimeline, TENANT } from '../agent/test-agent.ts';
import { onRequest, type Reaction } from './proxy.ts';
import { isReady, place, stateOf, TestWorld, timelineId } from './test-operator.ts';

const STATUS = /^GET \/v1\/tenant\/\w+\/timeline\/\w+$/;
const COMPUTE: Reaction = {
  kind: 'Rewrite',
  rewrite: (body) => body.replace('"walreceivers":[]', '"walreceivers":[{"conn_id":7,"status":"Streaming"}]'),
};

async function termOf(world: TestWorld, id: number): Promise<bigint> {
  const client = new SafekeeperClient({ http: world.http, url: world.safekeeper(id).proxy.url });
  const timeline = { tenantId: parseTenantId(TENANT)!, timelineId: parseTimelineId(timelineId('1'))! };
  const answer = await client.timelineStatus(timeline, AbortSignal.timeout(5_000));
  if (answer.kind !== 'Status') throw new Error(`${formatTenantTimelineId(timeline)}: ${answer.kind}`);
  return answer.status.term;
}

test('idle: every witness and the replica come back 1024 terms higher, from one donor, without a configuration', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const before = await termOf(world, 1);
  await world.wipe(2);
  const healed = await world.untilTimeline('1', 'healed', ({ status }) => status?.history?.length === 1);
  expect(healed.status?.history?.[0]).toMatchObject({ fencing: 'ByTerms', outcome: 'Recovered' });
  for (const id of [1, 2, 3]) expect(await termOf(world, id)).toBe(before + 1024n);
  const donor = healed.status?.history?.[0]?.donor ?? 0;
  expect(world.pulls()).toEqual([
    { tenant_id: TENANT, timeline_id: timelineId('1'), http_hosts: [world.safekeeper(donor).proxy.url] },
  ]);
});

test('with a compute at work: no term is raised, and the donor is the member that it streams to', async () => {
  await using world = await TestWorld.start(3, place(1));
  for (const id of [1, 3]) world.safekeeper(id).proxy.react = onRequest(STATUS, COMPUTE);
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const before = await termOf(world, 1);
  await world.wipe(2);
  const healed = await world.untilTimeline('1', 'healed', ({ status }) => status?.history?.length === 1);
  expect(healed.status?.history?.[0]).toMatchObject({ fencing: 'ByGrace', outcome: 'Recovered' });
  for (const id of [1, 2, 3]) {
    expect(world.askedFor(id, /term_bump/)).toBe(0);
    expect(await termOf(world, id)).toBe(before);
  }
});

test('by grace waits while the compute does not stream to the most advanced member', async () => {
  await using world = await TestWorld.start(3, place(1));
  world.safekeeper(3).proxy.react = onRequest(STATUS, COMPUTE);
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.wipe(2);
  await world.untilTimeline('1', 'it waits', ({ status }) => status?.message?.includes('lost its replica') === true);
  await world.pass(50);
  // Of equals the lowest id is the donor, and it has no compute.
  expect(world.pulls()).toEqual([]);
  world.safekeeper(1).proxy.react = onRequest(STATUS, COMPUTE);
  await world.untilTimeline('1', 'healed', isReady);
});

test('the configuration of the members is sent exactly when generations are used, and peers are dialled at peerUrl', async () => {
  const members = [1n, 2n, 3n].map((id) => ({ id: id as never, host: `sk-${id}`, pgPort: 5454 }));
  await using world = await TestWorld.start(3, async (dataDirectory) => {
    await placeTimeline(dataDirectory, {
      snapshot: 'resident_partial',
      tenantId: TENANT,
      timelineId: timelineId('1'),
      change: (file) => ({ ...file, membership: { ...file.membership, members } }),
    });
  });
  const safekeepers = world.safekeepers.map(({ id, proxy }) => ({
    id,
    url: proxy.url,
    peerUrl: proxy.url.replace('127.0.0.1', 'localhost'),
  }));
  await world.createCluster({ safekeepers });
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.wipe(2);
  const healed = await world.untilTimeline('1', 'healed', ({ status }) => status?.history?.length === 1);
  const donor = healed.status?.history?.[0]?.donor;
  const [pull] = world.pulls();
  expect(pull?.http_hosts).toEqual([safekeepers.find(({ id }) => id === donor)?.peerUrl]);
  expect(pull?.mconf).toMatchObject({
    members: members.map(({ host, pgPort }, at) => ({ id: at + 1, host, pg_port: pgPort })),
  });
  expect(stateOf(healed, 2)).toBe('Present');
});

test('a fence that cannot be completed gives the plan up, and does not raise terms without end', async () => {
  await using world = await TestWorld.start(3, place(1));
  world.safekeeper(3).proxy.react = onRequest(/term_bump/, {
    kind: 'Answer',
    status: 500,
    body: { msg: 'disk is read-only' },
  });
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  await world.wipe(2);
  await world.untilTimeline('1', 'discarded', ({ status }) => status?.history?.[0]?.outcome === 'Cancelled');
  await world.pass(25);
  // 5 s, 10 s, 20 s apart.
  expect(world.askedFor(1, /term_bump/)).toBeLessThanOrEqual(4);
  expect(world.pulls()).toEqual([]);
  world.safekeeper(3).proxy.react = () => undefined;
  await world.untilTimeline('1', 'healed', isReady);
});

test('a fence is announced before anybody is raised, and only who announced last goes on', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  const before = await termOf(world, 1);
  const announced: Promise<string | undefined>[] = [];
  world.safekeeper(1).proxy.react = ({ path }) => {
    if (!path.endsWith('/term_bump') || announced.length > 0) return undefined;
    announced.push(
      world.timeline('1').then(async ({ status }) => {
        // Another operator, which believes to lead too.
        await world.writeStatus('1', { fencedTerm: String(before + 100_000n) });
        return status?.fencedTerm;
      }),
    );
    return { kind: 'Delay', delayMs: 500 };
  };
  await world.wipe(2);
  const overtaken = await world.untilTimeline('1', 'overtaken', ({ status }) => status?.history?.length === 1);
  expect(await announced[0]).toBe(String(before + 1_024n));
  expect(overtaken.status?.history?.[0]).toMatchObject({
    outcome: 'Cancelled',
    message: 'another operator has taken this recovery over, or finished one',
  });
  expect(world.pulls()).toEqual([]);
  const healed = await world.untilTimeline('1', 'healed', isReady);
  expect(healed.status?.fencedTerm).toBe(String(before + 101_024n));
  for (const id of [1, 2, 3]) expect(await termOf(world, id)).toBe(before + 101_024n);
});
