import { describe, expect, test } from 'vitest';
import { NO_EVIDENCE, type Observation, type Reading } from '../../src/domain/observation.ts';
import { confirmIntent, verifyReplica } from '../../src/domain/recovery-confirm.ts';
import type { RecoveryIntent } from '../../src/domain/recovery-intent.ts';
import { planRecovery } from '../../src/domain/recovery-plan.ts';
import {
  CORRUPT,
  configuration,
  DELETED,
  id,
  LOST,
  observe,
  planInput,
  present,
  SILENT,
  type StatusValues,
  statusOf,
  UNCLEAR,
} from './support.ts';

const MEMBERSHIP = configuration(4, [1, 2, 3]);
const here = (values: StatusValues = {}) => present({ membership: MEMBERSHIP, ...values });
const PLANNED = { 1: here({ flushLsn: 2_000 }), 2: here(), 3: LOST };
const AGAIN_MS = 70_000;

function intentOf(answers: Parameters<typeof planInput>[0], fencing: 'Always' | 'Never'): RecoveryIntent {
  const { plan } = planRecovery(planInput(answers, { policy: { fencing } }));
  if (plan.kind !== 'Pull') throw new Error(`planned to ${plan.kind}`);
  return plan.intent;
}

function confirm(
  intent: RecoveryIntent,
  reads: Observation,
  changes: Partial<Parameters<typeof confirmIntent>[1]> = {},
) {
  const sources = { declared: undefined, cluster: [...reads.keys()] };
  return confirmIntent(intent, { reads, evidence: NO_EVIDENCE, recorded: new Map(), sources, ...changes });
}

const readAgain = (answers: Parameters<typeof observe>[0]) => observe(answers, AGAIN_MS, 3);

describe('R11 by grace', () => {
  const intent = intentOf(PLANNED, 'Never');

  test('stands when nothing changed', () => {
    expect(confirm(intent, readAgain(PLANNED))).toMatchObject({
      kind: 'Confirmed',
      donor: { id: id(1) },
      floor: 3n,
      expected: { lastLogTerm: 3n, flushLsn: 2_000n },
    });
  });

  test('stands when WAL moved on and a term rose, and takes the new floor and the donor that is ahead now', () => {
    const moved = { 1: here({ flushLsn: 2_500, term: 7 }), 2: here({ flushLsn: 2_600 }), 3: LOST };
    expect(confirm(intent, readAgain(moved))).toMatchObject({
      kind: 'Confirmed',
      donor: { id: id(2) },
      floor: 7n,
      expected: { flushLsn: 2_600n },
    });
  });

  test.each([
    ['the recipient returned', { 3: here() }, /no longer answers/],
    ['the recipient is silent', { 3: SILENT }, /no longer answers/],
    ['the recipient has a directory (R7)', { 3: CORRUPT }, /no longer answers/],
    ['the recipient is deleted (R6)', { 3: DELETED }, /no longer answers/],
    ['the donor was lost', { 1: LOST }, /safekeeper 1 is no witness/],
    ['the donor is silent', { 1: SILENT }, /safekeeper 1 is no witness/],
    ['a witness was lost', { 2: LOST }, /safekeeper 2 is no witness/],
    ['a witness is not understood', { 2: UNCLEAR }, /safekeeper 2 is no witness/],
    ['a witness is deleted (R6)', { 2: DELETED }, /deleted/],
    ['a witness is hollow (R8)', { 2: here({ flushLsn: 0 }) }, /safekeeper 2 is no witness/],
    ['the donor lost WAL', { 1: here({ flushLsn: 1_999 }) }, /ends before 0\/7D0 in term 3/],
    [
      'the donor lost its last term',
      { 1: here({ flushLsn: 2_000, lastLogTerm: 2 }), 2: here({ lastLogTerm: 1 }) },
      /ends before/,
    ],
    ['the donor was truncated', { 1: here({ flushLsn: 1_500, lastLogTerm: 5 }) }, /ends before/],
    ['another log is newer and shorter', { 2: here({ lastLogTerm: 4 }) }, /safekeeper 2, ends before/],
    ['the highest term went down', { 1: here({ flushLsn: 2_000, term: 2 }), 2: here({ term: 2 }) }, /term 3 any more/],
    [
      'the generation rose',
      { 1: here({ flushLsn: 2_000, membership: configuration(5, [1, 2, 3]) }) },
      /different membership generations/,
    ],
    [
      'the generation rose everywhere',
      {
        1: here({ flushLsn: 2_000, membership: configuration(5, [1, 2, 3]) }),
        2: here({ membership: configuration(5, [1, 2, 3]) }),
      },
      /generation changed/,
    ],
    [
      'the members changed',
      {
        1: here({ flushLsn: 2_000, membership: configuration(4, [1, 2, 4]) }),
        2: here({ membership: configuration(4, [1, 2, 4]) }),
      },
      /members changed/,
    ],
    [
      'replicas disagree on the members',
      { 1: here({ flushLsn: 2_000, membership: configuration(4, [1, 2, 4]) }) },
      /disagree/,
    ],
  ])('is discarded when %s', (_, change, message) => {
    const confirmation = confirm(intent, readAgain({ ...PLANNED, ...change }));
    expect(confirmation).toMatchObject({ kind: 'Discarded', message: expect.stringMatching(message) });
  });

  test('is discarded when anybody was not read again, or before the recipient', () => {
    for (const missing of [1, 2, 3]) {
      const reads = new Map(readAgain(PLANNED));
      reads.delete(id(missing));
      expect(confirm(intent, reads)).toMatchObject({ kind: 'Discarded' });
    }
    for (const early of [1, 2]) {
      const reads = new Map<bigint, Reading>(readAgain(PLANNED)) as Map<Reading['id'], Reading>;
      const reading = reads.get(id(early));
      if (reading === undefined) throw new Error('it was read');
      reads.set(id(early), { ...reading, startedMs: AGAIN_MS });
      expect(confirm(intent, reads)).toMatchObject({
        kind: 'Discarded',
        message: expect.stringMatching(/before the recipient/),
      });
    }
  });

  test('is discarded when a witness turned out to be damaged or older than recorded', () => {
    const disks = new Map([[id(2), { kind: 'Missing' as const, segments: ['000000010000000000000001'] }]]);
    expect(confirm(intent, readAgain(PLANNED), { evidence: { disks } })).toMatchObject({ kind: 'Discarded' });
    const before = statusOf({ membership: MEMBERSHIP, term: 5 });
    const recorded = new Map([[id(2), { ...before, generation: MEMBERSHIP.generation }]]);
    expect(confirm(intent, readAgain(PLANNED), { recorded })).toMatchObject({ kind: 'Discarded' });
  });
});

describe('R4, R11 by terms', () => {
  const intent = intentOf(PLANNED, 'Always');
  const raised = 3 + 1024;

  test('takes the best donor of the reads after enough witnesses were raised', () => {
    const answers = { 1: here({ flushLsn: 2_000, term: raised }), 2: here({ flushLsn: 2_100, term: raised }), 3: LOST };
    expect(confirm(intent, readAgain(answers))).toMatchObject({
      kind: 'Confirmed',
      donor: { id: id(2) },
      floor: 1027n,
    });
  });

  test('is discarded when too few were raised', () => {
    expect(confirm(intent, readAgain(PLANNED))).toMatchObject({ kind: 'Discarded' });
    const one = { 1: here({ flushLsn: 2_000, term: raised }), 2: here({ term: raised - 1 }), 3: LOST };
    expect(confirm(intent, readAgain(one))).toMatchObject({
      kind: 'Discarded',
      message: expect.stringMatching(/too few/),
    });
  });

  test('of five three raised suffice, if the most advanced is among them', () => {
    const five = configuration(4, [1, 2, 3, 4, 5]);
    const of = (values: StatusValues = {}) => present({ membership: five, ...values });
    const planned = { 1: of(), 2: of(), 3: LOST, 4: of(), 5: of() };
    const wide = intentOf(planned, 'Always');
    const up = of({ term: raised });
    expect(confirm(wide, readAgain({ ...planned, 1: up, 2: up, 4: up }))).toMatchObject({
      kind: 'Confirmed',
      donor: { id: id(1) },
    });
    const ahead = of({ flushLsn: 9_000 });
    expect(confirm(wide, readAgain({ 1: up, 2: up, 3: LOST, 4: up, 5: ahead }))).toMatchObject({
      kind: 'Discarded',
      message: expect.stringMatching(/most advanced/),
    });
  });
});

describe('R11, R15: what came back', () => {
  const confirmed = { floor: statusOf({ term: 7 }).term, expected: statusOf({ lastLogTerm: 3, flushLsn: 1_000 }) };
  const verify = (replica: StatusValues, donorNow?: StatusValues) =>
    verifyReplica(confirmed, statusOf(replica), donorNow && statusOf(donorNow));

  test('is as promised or further; the commit position may be behind', () => {
    expect(verify({ term: 7, flushLsn: 1_000, commitLsn: 0 })).toBeUndefined();
    expect(verify({ term: 8, lastLogTerm: 4, flushLsn: 1_001 })).toBeUndefined();
  });

  test.each([
    ['a lower term', { term: 6 }, /term is 6, below 7/],
    ['less WAL', { term: 7, flushLsn: 999 }, /ends at 0\/3E7/],
    ['an older last term', { term: 7, lastLogTerm: 2, flushLsn: 5_000 }, /in term 2/],
    ['a newer term but less WAL', { term: 7, lastLogTerm: 4, flushLsn: 999 }, /ends at/],
  ])('is refused with %s', (_, replica, message) => {
    expect(verify(replica)).toMatch(message);
    expect(verify(replica, { lastLogTerm: 4, flushLsn: 1_000 })).toMatch(message);
  });

  test('is fine when a new proposer truncated the donor as well, but not with a lower term', () => {
    expect(verify({ term: 9, lastLogTerm: 4, flushLsn: 800 }, { lastLogTerm: 4, flushLsn: 800 })).toBeUndefined();
    expect(verify({ term: 6, flushLsn: 800 }, { flushLsn: 800 })).toBeDefined();
  });
});
