import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import { parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { INITIAL_TERM, term } from '../../src/domain/term.ts';
import { HttpClient } from '../../src/http/client.ts';
import { OwnRecovery, type OwnRecoveryOptions } from '../../src/recovery/own-recovery.ts';
import { Peers } from '../../src/recovery/peers.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { freePort } from '../support/free-port.ts';
import { REPLICA, type ScriptedPeer, startScriptedPeer, TENANT, TIMELINE } from './scripted-peer.ts';

const OWN_ID = 3n as SafekeeperId;
const UNKNOWN_TIMEOUT_MS = 60_000;
const never = new AbortController().signal;
const timeline = { tenantId: parseTenantId(TENANT)!, timelineId: parseTimelineId(TIMELINE)! };

let http: HttpClient;
let clock: FakeClock;
let first: ScriptedPeer;
let second: ScriptedPeer;

beforeEach(async () => {
  http = new HttpClient();
  clock = new FakeClock();
  first = await startScriptedPeer({ id: 1, replica: { ...REPLICA } });
  second = await startScriptedPeer({ id: 2, replica: { ...REPLICA } });
});

afterEach(async () => {
  await http[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
});

function peersAt(...urls: string[]): Peers {
  return new Peers({ urls, ownId: OWN_ID, clock, connect: (url) => new PeerClient({ http, url }) });
}

async function open(changes: Partial<OwnRecoveryOptions> = {}): Promise<OwnRecovery> {
  const peers = changes.peers ?? peersAt(first.url, second.url);
  await peers.identify(never);
  return new OwnRecovery({
    timeline,
    ownId: OWN_ID,
    peers,
    declared: undefined,
    sinceMs: clock.monotonicMs(),
    unknownTimeoutMs: UNKNOWN_TIMEOUT_MS,
    ownTerm: INITIAL_TERM,
    measureRoom: async () => ({ kind: 'NotOffered' }),
    readOwnership: async () => 'NotConfigured',
    clock,
    ...changes,
  });
}

/** The paths of what changes something at a peer. */
function posts(peer: ScriptedPeer): string[] {
  return peer.requests.filter(({ method }) => method === 'POST').map(({ path }) => path.split('/').at(-1) ?? '');
}

describe('without a compute', () => {
  test('the replica is restored at once from the most advanced peer, fenced by terms', async () => {
    first.script.replica = { ...REPLICA, term: 5 };
    second.script.replica = { ...REPLICA, flushLsn: '100600' };
    const recovery = await open();
    const decision = await recovery.decide(never);
    expect(decision).toMatchObject({ kind: 'Act', intent: { donor: 2n, fencing: 'ByTerms', floor: 1_029n } });
    if (decision.kind !== 'Act') return;
    const confirmed = await recovery.confirm(decision.intent, never);
    expect(confirmed).toMatchObject({
      kind: 'Confirmed',
      donor: { id: 2n, url: second.url },
      floor: 1_029n,
      expected: { lastLogTerm: 3n, flushLsn: 0x10_0600n },
      membership: undefined,
      fencing: 'ByTerms',
    });
    expect([first, second].map(({ script }) => script.replica?.term)).toEqual([1_029, 1_029]);
    expect([posts(first), posts(second)]).toEqual([['term_bump'], ['term_bump', 'checkpoint']]);
  });

  test('a plan does not stand when its donor lost the timeline while it was being fenced', async () => {
    const recovery = await open();
    const decision = await recovery.decide(never);
    expect(decision.kind).toBe('Act');
    first.script.replica = undefined;
    if (decision.kind !== 'Act') return;
    expect(await recovery.confirm(decision.intent, never)).toEqual({
      kind: 'Discarded',
      message: 'safekeeper 1 is no witness any more',
    });
  });

  test('what a replica that was set aside has voted in raises the floor', async () => {
    const recovery = await open({ ownTerm: term(90n) });
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Act', intent: { floor: 1_114n } });
  });
});

describe('with a compute', () => {
  test('the grace period counts from the start, and then nobody is raised', async () => {
    first.script.replica = { ...REPLICA, compute: 'Streaming' };
    second.script.replica = { ...REPLICA, compute: 'Streaming' };
    const recovery = await open();
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod', untilMs: 15_000 });
    await clock.advance(9_000);
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod', untilMs: 15_000 });
    await clock.advance(6_000);
    const decision = await recovery.decide(never);
    expect(decision).toMatchObject({ kind: 'Act', intent: { fencing: 'ByGrace', floor: 3n } });
    if (decision.kind !== 'Act') return;
    expect(await recovery.confirm(decision.intent, never)).toMatchObject({ kind: 'Confirmed', floor: 3n });
    expect(posts(first)).toEqual(['checkpoint']);
  });

  test('a witness that lost ground makes it wait for more', async () => {
    first.script.replica = { ...REPLICA, compute: 'Connected' };
    const recovery = await open();
    await recovery.decide(never);
    await clock.advance(15_000);
    second.script.replica = { ...REPLICA, flushLsn: '100400' };
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod' });
  });
});

describe('too few witnesses', () => {
  test('a silent peer is waited for, and then the replica is not restored', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    first.script.replica = { ...REPLICA, generation: 4, members: [1, 2, 3] };
    const recovery = await open({ peers: peersAt(first.url, url) });
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', reason: 'WaitingForWitnesses' });
    await clock.advance(UNKNOWN_TIMEOUT_MS);
    const decision = await recovery.decide(never);
    expect(decision).toMatchObject({ kind: 'Refused', reason: 'WaitingForWitnesses' });
    expect(decision).toMatchObject({ message: expect.stringContaining('Too few members answer') as string });
    expect(posts(first)).toEqual([]);
  });

  test.each([
    ['both lost it', undefined, 'AllReplicasLost'],
    ['one lost it', { ...REPLICA }, 'QuorumLost'],
  ])('%s', async (_name, replica, reason) => {
    first.script.replica = replica;
    second.script.replica = undefined;
    const decision = await (await open()).decide(never);
    expect(decision).toMatchObject({ kind: 'Refused', reason });
    expect(JSON.stringify(decision, ['message'])).not.toMatch(/annotation|spec\./);
  });

  test('a peer with WAL files missing is none', async () => {
    first.script.files = [];
    const decision = await (await open()).decide(never);
    expect(decision).toMatchObject({ kind: 'Refused', reason: 'QuorumLost' });
    expect(decision).toMatchObject({ message: expect.stringContaining('1 Damaged, 2 Present, 3 Lost') as string });
  });
});

describe('who the members are', () => {
  test('the configuration of the replicas says; all others are asked for it, however few list it', async () => {
    for (const { script } of [first, second]) script.replica = { ...REPLICA, generation: 2, members: [1, 2, 3] };
    const decision = await (await open({ listedBy: [1n as SafekeeperId] })).decide(never);
    expect(decision).toMatchObject({ kind: 'Act', intent: { members: { all: [1n, 2n, 3n] } } });
  });

  test('a timeline of others is none of ours', async () => {
    for (const { script } of [first, second]) script.replica = { ...REPLICA, generation: 2, members: [1, 2, 5] };
    expect(await (await open()).decide(never)).toEqual({
      kind: 'NotMember',
      message: "Safekeeper 3 is not among the timeline's members (1, 2, 5).",
    });
  });

  test('nor is one while a peer does not answer, which may know a newer configuration', async () => {
    first.script.replica = { ...REPLICA, generation: 2, members: [1, 2, 5] };
    const url = `http://127.0.0.1:${await freePort()}`;
    const recovery = await open({ peers: peersAt(first.url, url) });
    const waiting = { reason: 'WaitingForWitnesses', message: expect.stringContaining(url) as string };
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', ...waiting });
    await clock.advance(UNKNOWN_TIMEOUT_MS);
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Refused', ...waiting });
  });

  test('that one is asked, though it does not list the timeline, and then it binds', async () => {
    first.script.replica = { ...REPLICA, generation: 2, members: [1, 4, 5] };
    second.script.refusal = { status: 500, message: 'starting' };
    second.script.replica = { ...REPLICA, generation: 3, members: [1, 2, 3] };
    const recovery = await open({ listedBy: [1n as SafekeeperId] });
    expect(await recovery.decide(never)).toMatchObject({
      kind: 'Wait',
      message: expect.stringContaining('safekeeper 2 (') as string,
    });
    delete second.script.refusal;
    first.script.replica = second.script.replica;
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Act', intent: { members: { all: [1n, 2n, 3n] } } });
  });

  test('without a configuration: the three that there are, the declared ones, or nobody is guessed', async () => {
    await using fourth = await startScriptedPeer({ id: 4, replica: undefined });
    const four = () => peersAt(first.url, second.url, fourth.url);
    expect(await (await open()).decide(never)).toMatchObject({ kind: 'Act' });
    expect(await (await open({ peers: four() })).decide(never)).toMatchObject({
      kind: 'Refused',
      reason: 'MembersUnknown',
      message: expect.stringContaining('--members') as string,
    });
    const declared = [1n, 2n, 3n] as SafekeeperId[];
    expect(await (await open({ peers: four(), declared })).decide(never)).toMatchObject({ kind: 'Act' });
    const others = [1n, 2n, 4n] as SafekeeperId[];
    expect(await (await open({ peers: four(), declared: others })).decide(never)).toMatchObject({ kind: 'NotMember' });
  });

  test('nobody is guessed either while a peer has not told its id', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const recovery = await open({ peers: peersAt(first.url, second.url, url) });
    expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', reason: 'WaitingForWitnesses' });
  });

  test('two addresses with one id, or one with our own, stop everything', async () => {
    await using twin = await startScriptedPeer({ id: 1, replica: undefined });
    await using self = await startScriptedPeer({ id: 3, replica: undefined });
    await expect(peersAt(first.url, twin.url).identify(never)).rejects.toMatchObject({
      reason: 'SafekeeperIdConflict',
    });
    await expect(peersAt(first.url, self.url).identify(never)).rejects.toThrow('the id of this data directory');
  });
});

describe('what must not come back', () => {
  test('a timeline with a tombstone', async () => {
    first.script.refusal = { status: 404, message: `NotFound: timeline ${TENANT}/${TIMELINE} deleted` };
    expect(await (await open()).decide(never)).toMatchObject({ kind: 'Refused', reason: 'TimelineDeleted' });
  });

  test('one that the storage controller does not name; without its answer there is only waiting', async () => {
    const notNamed = await open({ readOwnership: async () => 'NotNamed' });
    expect(await notNamed.decide(never)).toMatchObject({ kind: 'Refused', reason: 'TimelineDeleted' });
    const silent = await open({ readOwnership: async () => 'NoAnswer' });
    expect(await silent.decide(never)).toMatchObject({ kind: 'Wait', reason: 'WaitingForWitnesses' });
  });

  test('one that does not fit on the disk', async () => {
    const measureRoom = async () => ({ kind: 'Measured', capacityBytes: 100, usedBytes: 0 }) as const;
    expect(await (await open({ measureRoom })).decide(never)).toMatchObject({ reason: 'RecipientDiskFull' });
  });
});

test('what streams is confirmed after the grace period', async () => {
  first.script.replica = { ...REPLICA, compute: 'Streaming' };
  second.script.replica = { ...REPLICA, compute: 'Streaming' };
  const recovery = await open();
  expect(await recovery.decide(never)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod', untilMs: 15_000 });
  await clock.advance(15_000);
  const decision = await recovery.decide(never);
  if (decision.kind !== 'Act') throw new Error(decision.kind);
  expect(await recovery.confirm(decision.intent, never)).toMatchObject({ kind: 'Confirmed', fencing: 'ByGrace' });
});
