import { describe, expect, test } from 'vitest';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import type { Answer, OwnershipEvidence } from '../../src/domain/observation.ts';
import { planRecovery } from '../../src/domain/recovery-plan.ts';
import {
  CORRUPT,
  configuration,
  DELETED,
  GRACE_MS,
  id,
  ids,
  inspected,
  LOST,
  NOW_MS,
  observe,
  planInput,
  present,
  SILENT,
  seenSince,
  UNCLEAR,
} from './support.ts';

const plan = (...args: Parameters<typeof planInput>) => planRecovery(planInput(...args)).plan;
const OK = present();
const ONE_LOST: Record<number, Answer> = { 1: OK, 2: OK, 3: LOST };

test('nothing is wrong', () => {
  expect(plan({ 1: OK })).toEqual({ kind: 'Settled' });
  expect(plan({ 1: OK, 2: OK, 3: OK })).toEqual({ kind: 'Settled' });
});

test('one of three, two of five: the lost replica is pulled from the best', () => {
  expect(plan(ONE_LOST)).toMatchObject({ kind: 'Pull', intent: { recipient: id(3), donor: id(1), floor: 3n } });
  expect(plan({ 1: LOST, 2: OK, 3: present({ flushLsn: 2_000 }), 4: OK, 5: LOST })).toMatchObject({
    kind: 'Pull',
    intent: { recipient: id(1), donor: id(3), witnesses: ids(2, 3, 4) },
  });
});

test('R1: with `witnesses: All` a silent member of five is waited for until the timeout, then the bound suffices', () => {
  const answers = { 1: LOST, 2: OK, 3: OK, 4: OK, 5: SILENT };
  const waiting = { kind: 'Wait', reason: 'WaitingForWitnesses', ready: 'ReplicaLost', stalled: undefined };
  expect(plan(answers)).toMatchObject(waiting);
  expect(plan(answers, { policy: { unknownTimeoutMs: NOW_MS } })).toMatchObject({ kind: 'Pull' });
  expect(plan(answers, { policy: { unknownTimeoutMs: NOW_MS + 1 } })).toMatchObject(waiting);
  expect(plan(answers, { policy: { witnesses: 'Quorum' } })).toMatchObject({ kind: 'Pull' });
});

test('R1: too few witnesses are waited for however long it takes, and after the timeout people are told', () => {
  const answers = { 1: LOST, 2: OK, 3: UNCLEAR };
  expect(plan(answers, { policy: { witnesses: 'Quorum' } })).toMatchObject({ kind: 'Wait', stalled: undefined });
  expect(plan(answers, { policy: { unknownTimeoutMs: 1_000 } })).toMatchObject({
    kind: 'Wait',
    reason: 'WaitingForWitnesses',
    stalled: 'ReplicaUnreachable',
  });
});

test('R3: the term of a hollow or damaged member counts for the floor', () => {
  const hollow = present({ flushLsn: 0, term: 9 });
  expect(plan({ 1: LOST, 2: OK, 3: OK, 4: OK, 5: hollow })).toMatchObject({ kind: 'Pull', intent: { floor: 9n } });
  const answers = { 1: LOST, 2: OK, 3: OK, 4: OK, 5: present({ term: 8 }) };
  const evidence = inspected(observe(answers));
  const disks = new Map(evidence.disks).set(id(5), { kind: 'Missing', segments: ['000000010000000000000001'] });
  expect(plan(answers, { evidence: { ...evidence, disks } })).toMatchObject({
    kind: 'Pull',
    intent: { floor: 8n, witnesses: ids(2, 3, 4) },
  });
});

describe('R4: fencing', () => {
  test.each([
    ['WhenIdle', 'None', 'ByTerms', 3n + 1024n],
    ['WhenIdle', 'Streaming', 'ByGrace', 3n],
    ['Always', 'Streaming', 'ByTerms', 3n + 1024n],
    ['Never', 'None', 'ByGrace', 3n],
  ] as const)('%s with a compute that is %s is %s', (fencing, compute, expected, floor) => {
    expect(plan({ 1: present({ compute }), 2: OK, 3: LOST }, { policy: { fencing } })).toMatchObject({
      kind: 'Pull',
      intent: { fencing: expected, floor },
    });
  });

  test('by grace a witness that lost ground since 5 s is waited for', () => {
    const before = observe({ 1: OK, 2: present({ flushLsn: 1_500 }), 3: LOST });
    const now = observe(ONE_LOST);
    const memory = seenSince(now, NOW_MS - 2_000, NOW_MS, seenSince(before, 0, NOW_MS - 3_000));
    expect(plan(ONE_LOST, { memory })).toMatchObject({ kind: 'Wait', reason: 'GracePeriod' });
    expect(plan(ONE_LOST, { memory, policy: { fencing: 'Always' } })).toMatchObject({ kind: 'Pull' });
  });

  test.each([
    ['lost', LOST],
    ['corrupt', CORRUPT],
    ['silent', SILENT],
  ])('by grace whoever is no witness must have been %s for the grace period, too', (_name, answer) => {
    const before = { 1: present({ compute: 'Streaming' }), 2: OK, 3: LOST, 4: OK, 5: OK };
    const now = { ...before, 5: answer };
    const memoryAt = (ms: number) => seenSince(observe(now), ms, NOW_MS, seenSince(observe(before), 0, ms - 1));
    const lately = memoryAt(NOW_MS - GRACE_MS + 1);
    const policy = { witnesses: 'Quorum' } as const;
    expect(plan(now, { policy, memory: lately })).toMatchObject({
      kind: 'Wait',
      reason: 'GracePeriod',
      untilMs: NOW_MS + 1,
      message: expect.stringMatching(/^Safekeeper 3 .* safekeeper 5/) as string,
    });
    expect(plan(now, { policy, memory: memoryAt(NOW_MS - GRACE_MS) })).toMatchObject({ kind: 'Pull' });
    // By terms no leader can count what was acknowledged before.
    expect(plan(now, { policy: { ...policy, fencing: 'Always' }, memory: lately })).toMatchObject({ kind: 'Pull' });
  });

  test('by grace the compute must stream to the donor', () => {
    const behind = present({ compute: 'Streaming', flushLsn: 900 });
    expect(plan({ 1: OK, 2: behind, 3: LOST })).toMatchObject({ kind: 'Wait', reason: 'GracePeriod' });
    expect(plan({ 1: present({ compute: 'Streaming' }), 2: behind, 3: LOST })).toMatchObject({ kind: 'Pull' });
  });

  test('a term next to the highest there is neither overflows nor throws', () => {
    const highest = 2n ** 64n - 1n;
    expect(
      plan({ 1: present({ term: highest - 5n }), 2: OK, 3: LOST }, { policy: { fencing: 'Always' } }),
    ).toMatchObject({ kind: 'Pull', intent: { floor: highest } });
  });
});

describe('R5: a lost quorum', () => {
  test.each([
    ['two of three', { 1: OK, 2: LOST, 3: LOST }],
    ['a loss and a hollow one', { 1: OK, 2: present({ flushLsn: 0 }), 3: LOST }],
    ['a loss and a corrupt one: no answer could help', { 1: OK, 2: CORRUPT, 3: LOST }],
    ['three of five', { 1: OK, 2: OK, 3: LOST, 4: LOST, 5: LOST }],
    ['two of three, the third silent', { 1: SILENT, 2: LOST, 3: LOST }],
  ] as [string, Record<number, Answer>][])('%s', (_, answers) => {
    expect(plan(answers)).toMatchObject({ kind: 'Blocked', reason: 'QuorumLost' });
  });

  test('all lost is said louder', () => {
    expect(plan({ 1: LOST })).toMatchObject({ kind: 'Blocked', reason: 'AllReplicasLost', proposal: undefined });
    expect(plan({ 1: LOST, 2: LOST, 3: LOST })).toMatchObject({ kind: 'Blocked', reason: 'AllReplicasLost' });
  });

  test('the way out names what is known to be lost, and every other rule still binds it', () => {
    const answers = { 1: OK, 2: present({ flushLsn: 0, commitLsn: 1_700, peerHorizonLsn: 0 }), 3: LOST };
    const first = plan(answers);
    if (first.kind !== 'Blocked' || first.proposal === undefined) throw new Error('there is a proposal');
    expect(first.proposal).toMatchObject({ recipient: id(3), donor: id(1), forced: true, walLostBytes: 700n });
    const decisions = { approved: undefined, forced: first.proposal.id };
    expect(plan(answers, { decisions })).toMatchObject({ kind: 'Pull', intent: { forced: true } });
    expect(plan(answers, { decisions, sinceMs: NOW_MS - 1_000 })).toMatchObject({
      kind: 'Wait',
      reason: 'GracePeriod',
    });
    expect(plan(answers, { decisions, brake: 'storm' })).toMatchObject({ reason: 'StormBrake' });
    expect(plan({ ...answers, 2: DELETED }, { decisions })).toMatchObject({ reason: 'TimelineDeleted' });
  });
});

test('R6: one deleted member stops everything', () => {
  expect(plan({ 1: OK, 2: OK, 3: DELETED })).toMatchObject({ kind: 'Blocked', reason: 'TimelineDeleted' });
  expect(plan({ 1: OK, 2: OK, 3: OK, 4: LOST, 5: DELETED })).toMatchObject({ reason: 'TimelineDeleted' });
});

test('R7, R8, R13: what is there but unusable is said, hollow voters first (R9)', () => {
  expect(plan({ 1: OK, 2: OK, 3: CORRUPT })).toMatchObject({ kind: 'Blocked', reason: 'ReplicaCorrupt' });
  expect(plan({ 1: OK, 2: OK, 3: present({ flushLsn: 0 }) })).toMatchObject({ reason: 'ReplicaHollow' });
  expect(plan({ 1: OK, 2: OK, 3: OK, 4: CORRUPT, 5: present({ flushLsn: 0 }) })).toMatchObject({
    reason: 'ReplicaHollow',
  });
  const healthy = { 1: OK, 2: OK, 3: OK };
  const disks = new Map([[id(2), { kind: 'Missing' as const, segments: ['000000010000000000000001'] }]]);
  expect(plan(healthy, { evidence: inspected(observe(healthy), { disks }) })).toMatchObject({
    reason: 'ReplicaDamaged',
  });
});

describe('R10: generations', () => {
  const at = (generation: number) => present({ membership: configuration(generation, [1, 2, 3]) });

  test('the recipient is pulled with the configuration that binds', () => {
    const { membership } = at(4).kind === 'Status' ? { membership: configuration(4, [1, 2, 3]) } : {};
    expect(plan({ 1: at(4), 2: at(4), 3: LOST })).toMatchObject({ kind: 'Pull', intent: { members: { membership } } });
  });

  test('a change under way is no conflict, however long the replicas have been healthy', () => {
    const healthy = seenSince(observe({ 1: at(4), 2: at(4), 3: at(4) }), -3_600_000, NOW_MS - 1_000);
    const answers = { 1: at(5), 2: at(4), 3: at(4) };
    const memory = seenSince(observe(answers), NOW_MS, NOW_MS, healthy);
    expect(plan(answers, { memory })).toMatchObject({
      kind: 'Wait',
      reason: 'WaitingForWitnesses',
      stalled: undefined,
    });
    expect(plan(answers, { policy: { unknownTimeoutMs: NOW_MS } })).toMatchObject({ reason: 'GenerationConflict' });
  });

  test('who left the timeline may keep an older configuration', () => {
    const moved = present({ membership: configuration(5, [1, 2, 4]) });
    const sources = { declared: undefined, cluster: ids(1, 2, 3, 4) };
    expect(plan({ 1: moved, 2: moved, 3: at(4), 4: moved }, { sources })).toEqual({ kind: 'Settled' });
  });

  test('in a joint configuration the bound holds in both sets', () => {
    const joint = present({ membership: configuration(5, [1, 2, 3], [3, 4, 5]) });
    expect(plan({ 1: joint, 2: joint, 3: joint, 4: LOST, 5: joint })).toMatchObject({
      kind: 'Pull',
      intent: { recipient: id(4) },
    });
    const pending = { 1: joint, 2: joint, 3: joint, 4: LOST, 5: LOST };
    expect(plan(pending)).toMatchObject({ kind: 'Wait', reason: 'WaitingForWitnesses', ready: 'ReplicaLost' });
    expect(plan(pending, { policy: { unknownTimeoutMs: NOW_MS } })).toMatchObject({ reason: 'GenerationConflict' });
    expect(plan({ 1: LOST, 2: LOST, 3: joint, 4: joint, 5: joint })).toMatchObject({ reason: 'QuorumLost' });
  });

  test('a configuration without members settles nothing', () => {
    const empty = present({ membership: configuration(1, []) });
    expect(plan({ 1: empty, 2: empty, 3: empty })).toMatchObject({ kind: 'Blocked', reason: 'MembersUnknown' });
  });
});

test('R13, R16: the donor, witnesses that claim to have committed all, and the room are looked at first', () => {
  const answers = { 1: OK, 2: present({ flushLsn: 500, commitLsn: 500 }), 3: LOST };
  const none = inspected(observe(answers), { disks: new Map(), rooms: new Map() });
  expect(plan(answers, { evidence: none })).toEqual({ kind: 'Inspect', disks: ids(1, 2), room: id(3) });
  expect(plan(ONE_LOST, { evidence: none })).toEqual({ kind: 'Inspect', disks: ids(1), room: id(3) });
});

test('R13: a donor whose snapshot would carry no WAL is waited for, unless it has none', () => {
  const withoutHorizon = present({ horizonLsn: 0 });
  expect(plan({ 1: withoutHorizon, 2: withoutHorizon, 3: LOST })).toMatchObject({
    kind: 'Wait',
    message: expect.stringContaining('without WAL'),
  });
  const uninitialized = present({ horizonLsn: 0, flushLsn: 1, commitLsn: 1 });
  expect(plan({ 1: uninitialized, 2: uninitialized, 3: LOST })).toMatchObject({ kind: 'Pull' });
});

test('R16: the snapshot and a tenth of the capacity must fit', () => {
  const sized = { 1: present({ snapshotSizeBytes: 1_000 }), 2: OK, 3: LOST };
  const withRoom = (usedBytes: number) => {
    const rooms = new Map([[id(3), { kind: 'Measured' as const, capacityBytes: 10_000, usedBytes }]]);
    return plan(sized, { evidence: inspected(observe(sized), { rooms }) });
  };
  expect(withRoom(8_000)).toMatchObject({ kind: 'Pull' });
  expect(withRoom(8_001)).toMatchObject({ kind: 'Blocked', reason: 'RecipientDiskFull' });
});

test('R16: one full recipient does not keep another from being restored', () => {
  const answers = { 1: LOST, 2: LOST, 3: OK, 4: OK, 5: OK };
  const evidence = inspected(observe(answers));
  const full = { kind: 'Measured' as const, capacityBytes: 100, usedBytes: 100 };
  const rooms = new Map(evidence.rooms).set(id(1), full);
  expect(plan(answers, { evidence: { ...evidence, rooms } })).toMatchObject({
    kind: 'Pull',
    intent: { recipient: id(2) },
  });
  const asked = new Map([[id(1), full]]);
  expect(plan(answers, { evidence: { ...evidence, rooms: asked } })).toMatchObject({ kind: 'Inspect', room: id(2) });
});

test('R17: what the storage controller no longer names is not restored; without its answer nothing is', () => {
  const owned = (ownership?: OwnershipEvidence) =>
    plan(ONE_LOST, {
      evidence: inspected(observe(ONE_LOST), {
        ownership: new Map(ownership === undefined ? [] : [[id(3), ownership]]),
      }),
    });
  expect(owned('Named')).toMatchObject({ kind: 'Pull' });
  expect(owned('NotNamed')).toMatchObject({ kind: 'Blocked', reason: 'TimelineDeleted' });
  expect(owned('NoAnswer')).toMatchObject({ kind: 'Wait', reason: 'WaitingForWitnesses' });
  expect(owned()).toMatchObject({ kind: 'Wait', reason: 'WaitingForWitnesses' });
});

test('R17: each lost replica by itself', () => {
  const answers = { 1: LOST, 2: LOST, 3: OK, 4: OK, 5: OK };
  const ownership = new Map<SafekeeperId, OwnershipEvidence>([
    [id(1), 'NotNamed'],
    [id(2), 'Named'],
  ]);
  expect(plan(answers, { evidence: inspected(observe(answers), { ownership }) })).toMatchObject({
    kind: 'Pull',
    intent: { recipient: id(2) },
  });
});

test('R19: the grace period runs from the first "not found" and is 15 s at least', () => {
  const after = (lostForMs: number, gracePeriodMs = GRACE_MS) =>
    plan(ONE_LOST, { sinceMs: NOW_MS - lostForMs, policy: { gracePeriodMs } });
  expect(after(GRACE_MS)).toMatchObject({ kind: 'Pull' });
  expect(after(GRACE_MS - 1)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod', untilMs: NOW_MS + 1 });
  expect(after(14_999, 0)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod' });
  expect(after(15_000, 0)).toMatchObject({ kind: 'Pull' });
});

test('R19: who restores its own replica, which cannot return, waits only where the fence is by grace (R4)', () => {
  const own = (answers: Record<number, Answer>, ownRecipient: SafekeeperId | undefined) =>
    plan(answers, { sinceMs: NOW_MS, policy: { fencing: 'WhenIdle' }, ownRecipient });
  const busy = { 1: present({ compute: 'Connected' }), 2: OK, 3: LOST };
  expect(own(ONE_LOST, id(3))).toMatchObject({ kind: 'Pull', intent: { fencing: 'ByTerms' } });
  expect(own(ONE_LOST, undefined)).toMatchObject({ kind: 'Wait', reason: 'GracePeriod' });
  expect(own(busy, id(3))).toMatchObject({ kind: 'Wait', reason: 'GracePeriod' });
});

test('who restores its own replica plans for no other one', () => {
  const answers = { 1: LOST, 2: OK, 3: OK, 4: OK, 5: LOST };
  expect(plan(answers, { ownRecipient: id(5) })).toMatchObject({ kind: 'Pull', intent: { recipient: id(5) } });
  const full = inspected(observe(answers), {
    rooms: new Map([[id(5), { kind: 'Measured', capacityBytes: 100, usedBytes: 100 }]]),
  });
  expect(plan(answers, { ownRecipient: id(5), evidence: full })).toMatchObject({ reason: 'RecipientDiskFull' });
});

test('R20, Disabled and backoff stop a pull', () => {
  expect(plan(ONE_LOST, { brake: 'a storm' })).toMatchObject({ reason: 'StormBrake', message: 'a storm' });
  expect(plan(ONE_LOST, { policy: { mode: 'Disabled' } })).toMatchObject({ reason: 'RecoveryDisabled' });
  const failed = { count: 5, nextAttemptAtMs: NOW_MS + 1, reason: 'RecoveryFailed', message: 'broken' } as const;
  expect(plan(ONE_LOST, { failed })).toMatchObject({ reason: 'RetryBackoff', stalled: 'RecoveryKeepsFailing' });
  expect(plan(ONE_LOST, { failed: { ...failed, count: 4 } })).toMatchObject({
    reason: 'RetryBackoff',
    stalled: undefined,
  });
  expect(plan(ONE_LOST, { failed: { ...failed, nextAttemptAtMs: NOW_MS } })).toMatchObject({ kind: 'Pull' });
});

test('Propose asks first; only the exact id approves, and moving WAL does not change it', () => {
  const policy = { mode: 'Propose' } as const;
  const proposed = plan(ONE_LOST, { policy });
  if (proposed.kind !== 'Propose') throw new Error('it is proposed');
  const moved = { 1: present({ flushLsn: 5_000, commitLsn: 4_000 }), 2: present({ flushLsn: 4_900 }), 3: LOST };
  const later = plan(moved, { policy });
  expect(later).toMatchObject({ proposal: { id: proposed.proposal.id } });
  const approve = (approved: string) => plan(moved, { policy, decisions: { approved, forced: undefined } });
  expect(approve(proposed.proposal.id)).toMatchObject({ kind: 'Pull', approvedBy: proposed.proposal.id });
  expect(approve(`${proposed.proposal.id.slice(1)}0`)).toMatchObject({ kind: 'Propose' });
  const otherDonor = plan({ 1: OK, 2: present({ flushLsn: 5_000 }), 3: LOST }, { policy });
  expect(otherDonor).not.toMatchObject({ proposal: { id: proposed.proposal.id } });
});

test('a silent member is waited for; when the bound holds the wait is no alarm', () => {
  const answers = { 1: OK, 2: OK, 3: SILENT };
  const waiting = { kind: 'Wait', reason: 'WaitingForWitnesses', ready: 'ReplicaUnreachable', stalled: undefined };
  expect(plan(answers)).toMatchObject(waiting);
  expect(plan(answers, { policy: { unknownTimeoutMs: 1_000 } })).toMatchObject(waiting);
  expect(plan({ 1: OK, 2: SILENT, 3: SILENT }, { policy: { unknownTimeoutMs: 1_000 } })).toMatchObject({
    ...waiting,
    stalled: 'ReplicaUnreachable',
  });
});

test('members are never guessed', () => {
  const answers = { 1: OK, 2: OK, 3: OK, 4: LOST };
  const sources = { declared: undefined, cluster: ids(1, 2, 3, 4) };
  expect(planRecovery(planInput(answers, { sources }))).toMatchObject({
    plan: { kind: 'Blocked', reason: 'MembersUnknown' },
    members: undefined,
    replicas: [{ state: 'Present' }, { state: 'Present' }, { state: 'Present' }, { state: 'Lost' }],
  });
  const three = { 1: OK, 2: OK, 3: LOST };
  const notAllKnown = plan(three, { sources: { declared: undefined, cluster: undefined } });
  expect(notAllKnown).toMatchObject({ reason: 'MembersUnknown', message: expect.stringContaining('has told its id') });
});
