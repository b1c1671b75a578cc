import { describe, expect, test } from 'vitest';
import {
  conditionsOf,
  eventOf,
  messageOf,
  type Outcome,
  pauseEventOf,
  redundancyOf,
  type ResourceProblem,
} from '../../src/domain/conditions.ts';
import type { Answer } from '../../src/domain/observation.ts';
import type { BlockedReason, Plan } from '../../src/domain/plan.ts';
import { type Reason, REASONS } from '../../src/domain/reasons.ts';
import { planRecovery } from '../../src/domain/recovery-plan.ts';
import { LOST, planInput, present, SILENT } from './support.ts';

const OK = present();
const message = 'why';

function proposal(): Extract<Plan, { kind: 'Propose' }> {
  const { plan } = planRecovery(planInput({ 1: OK, 2: OK, 3: LOST }, { policy: { mode: 'Propose' } }));
  if (plan.kind !== 'Propose') throw new Error('it is proposed');
  return plan;
}

const wait = (reason: 'GracePeriod' | 'WaitingForWitnesses', ready: 'ReplicaLost' | 'ReplicaUnreachable'): Outcome => ({
  kind: 'Wait',
  reason,
  ready,
  stalled: undefined,
  untilMs: 0,
  message,
});
const backoff = (stalled: 'RecoveryKeepsFailing' | 'DonorAtSegmentBoundary' | undefined): Outcome => ({
  kind: 'Wait',
  reason: 'RetryBackoff',
  ready: 'ReplicaLost',
  stalled,
  untilMs: 0,
  message,
});
const failed = (count: number, reason: Reason = 'RecoveryFailed'): Outcome => ({
  kind: 'Failed',
  failed: { count, nextAttemptAtMs: 0, reason, message },
});
const blocked = (reason: BlockedReason): Outcome => ({ kind: 'Blocked', reason, message, proposal: undefined });
const problem = (reason: ResourceProblem): Outcome => ({ kind: 'Problem', reason, message });
const exhausted: Outcome = {
  ...backoff(undefined),
  reason: 'WaitingForWitnesses',
  stalled: 'ReplicaUnreachable',
} as Outcome;

// product.md, "Conditions". `-` is False, or no event.
const TABLE: [string, Outcome, string, string, string, string][] = [
  ['first look not finished', { kind: 'Observing' }, 'Unknown/Observing', 'Observing', '-', '-'],
  ['all present', { kind: 'Settled' }, 'True/AllReplicasPresent', '-', '-', 'Recovered'],
  ['lost, in grace', wait('GracePeriod', 'ReplicaLost'), 'False/ReplicaLost', 'GracePeriod', '-', 'ReplicaLost'],
  [
    'waiting, one lost',
    wait('WaitingForWitnesses', 'ReplicaLost'),
    'False/ReplicaLost',
    'WaitingForWitnesses',
    '-',
    'ReplicaUnreachable',
  ],
  [
    'waiting, none lost',
    wait('WaitingForWitnesses', 'ReplicaUnreachable'),
    'False/ReplicaUnreachable',
    'WaitingForWitnesses',
    '-',
    'ReplicaUnreachable',
  ],
  ['waiting too long', exhausted, 'False/ReplicaLost', '-', 'ReplicaUnreachable', 'ReplicaUnreachable'],
  ['waiting for a slot', { kind: 'Queued', message }, 'False/ReplicaLost', 'Queued', '-', '-'],
  ['pulling', { kind: 'Pulling', message }, 'False/ReplicaLost', 'Pulling', '-', 'RecoveryStarted'],
  ['verifying', { kind: 'Verifying', message }, 'False/ReplicaLost', 'Verifying', '-', '-'],
  ['failed', failed(1), 'False/ReplicaLost', 'RetryBackoff', '-', 'RecoveryFailed'],
  ['failed 4 times', failed(4), 'False/ReplicaLost', 'RetryBackoff', '-', 'RecoveryFailed'],
  ['failed 5 times', failed(5), 'False/ReplicaLost', '-', 'RecoveryKeepsFailing', 'RecoveryFailed'],
  ['in backoff', backoff(undefined), 'False/ReplicaLost', 'RetryBackoff', '-', '-'],
  ['in backoff after 5', backoff('RecoveryKeepsFailing'), 'False/ReplicaLost', '-', 'RecoveryKeepsFailing', '-'],
  [
    'donor at segment boundary',
    failed(1, 'DonorAtSegmentBoundary'),
    'False/ReplicaLost',
    '-',
    'DonorAtSegmentBoundary',
    'DonorAtSegmentBoundary',
  ],
  [
    'in backoff at the boundary',
    backoff('DonorAtSegmentBoundary'),
    'False/ReplicaLost',
    '-',
    'DonorAtSegmentBoundary',
    '-',
  ],
  ['proposal', proposal(), 'False/ReplicaLost', '-', 'ApprovalNeeded', 'RecoveryProposed'],
  ...(
    [
      'QuorumLost',
      'AllReplicasLost',
      'TimelineDeleted',
      'ReplicaHollow',
      'ReplicaDamaged',
      'ReplicaCorrupt',
      'GenerationConflict',
      'RecipientDiskFull',
      'MembersUnknown',
    ] as const
  ).map((reason): (typeof TABLE)[number] => [reason, blocked(reason), `False/${reason}`, '-', reason, reason]),
  ...(['Duplicate', 'InvalidSpec', 'ClusterNotFound', 'SafekeeperIdConflict', 'CredentialsInvalid'] as const).map(
    (reason): (typeof TABLE)[number] => [reason, problem(reason), `False/${reason}`, '-', reason, reason],
  ),
  ...(['StormBrake', 'RecoveryDisabled'] as const).map((reason): (typeof TABLE)[number] => [
    reason,
    blocked(reason),
    'False/ReplicaLost',
    '-',
    reason,
    reason,
  ]),
];

const NOBODY = { members: undefined, replicas: [], paused: undefined };

function rowOf(outcome: Outcome, paused?: string) {
  const conditions = new Map(
    conditionsOf(outcome, { ...NOBODY, paused }).map((condition) => [condition.type, condition]),
  );
  const abnormal = (type: 'Reconciling' | 'Stalled') => {
    const { status, reason } = conditions.get(type) ?? {};
    return status === 'True' ? reason : status === 'False' ? '-' : 'missing';
  };
  const ready = conditions.get('Ready');
  return {
    ready: `${ready?.status}/${ready?.reason}`,
    reconciling: abnormal('Reconciling'),
    stalled: abnormal('Stalled'),
    paused: conditions.get('Paused')?.status,
  };
}

describe('the table of conditions', () => {
  test.each(TABLE)('%s', (_, outcome, ready, reconciling, stalled, event) => {
    expect(rowOf(outcome)).toEqual({ ready, reconciling, stalled, paused: 'False' });
    expect(eventOf(outcome, 'False')?.reason ?? '-').toBe(event);
  });

  test.each(TABLE)('%s, paused: as observed, and nothing is said to go on', (_, outcome, ready) => {
    expect(rowOf(outcome, 'spec.paused is true')).toEqual({ ready, reconciling: '-', stalled: '-', paused: 'True' });
  });

  test('every reason is in the closed list and every condition is written once', () => {
    for (const [, outcome] of TABLE) {
      const conditions = conditionsOf(outcome, NOBODY);
      expect(conditions.map(({ type }) => type)).toEqual(['Ready', 'Reconciling', 'Stalled', 'Paused', 'QuorumIntact']);
      expect(conditions.every(({ reason }) => reason in REASONS)).toBe(true);
    }
  });
});

test('events: what was never degraded has not recovered, and only good news is normal', () => {
  expect(eventOf({ kind: 'Settled' }, undefined)).toBeUndefined();
  expect(eventOf({ kind: 'Settled' }, 'Unknown')).toBeUndefined();
  expect(eventOf({ kind: 'Settled' }, 'True')).toBeUndefined();
  expect(eventOf({ kind: 'Settled' }, 'False')?.type).toBe('Normal');
  expect(eventOf({ kind: 'Pulling', message }, 'False')?.type).toBe('Normal');
  expect(eventOf(blocked('QuorumLost'), 'False')?.type).toBe('Warning');
});

test('pausing and going on are announced once', () => {
  expect(pauseEventOf('because', false)).toMatchObject({ reason: 'Paused', message: 'because' });
  expect(pauseEventOf('because', true)).toBeUndefined();
  expect(pauseEventOf(undefined, true)).toMatchObject({ reason: 'Resumed' });
  expect(pauseEventOf(undefined, false)).toBeUndefined();
});

test('the message says whether it is safe, at risk or needs a person', () => {
  expect(messageOf({ kind: 'Settled' })).toMatch(/^Safe: /);
  expect(messageOf({ kind: 'Pulling', message })).toBe('At risk: why');
  expect(messageOf(blocked('QuorumLost'))).toBe('Needs you: why');
  expect(messageOf(failed(5))).toBe('Needs you: Attempt 5 failed: why');
});

describe('redundancy and quorum', () => {
  const of = (answers: Record<number, Answer>, outcome: Outcome) => {
    const planned = planRecovery(planInput(answers));
    const quorum = conditionsOf(outcome, { ...planned, paused: undefined }).find(({ type }) => type === 'QuorumIntact');
    return [redundancyOf(planned), `${quorum?.status}/${quorum?.reason}`];
  };

  test.each([
    [{ 1: OK, 2: OK, 3: OK }, '3/3', 'True/QuorumPresent'],
    [{ 1: OK, 2: OK, 3: LOST }, '2/3', 'True/QuorumPresent'],
    [{ 1: OK, 2: LOST, 3: SILENT }, '1/3', 'Unknown/Observing'],
    [{ 1: OK, 2: LOST, 3: LOST }, '1/3', 'False/QuorumLost'],
    [{ 1: LOST, 2: LOST, 3: LOST }, '0/3', 'False/AllReplicasLost'],
    [{ 1: OK, 2: present({ flushLsn: 0 }), 3: LOST }, '1/3', 'False/QuorumLost'],
    [{ 1: OK, 2: { kind: 'Deleted' }, 3: { kind: 'Deleted' } }, '1/3', 'Unknown/Observing'],
  ] as [Record<number, Answer>, string, string][])('%o', (answers, redundancy, quorum) => {
    expect(of(answers, { kind: 'Observing' })).toEqual([redundancy, quorum]);
  });

  test('a quorum that is lost stays lost while a forced recovery runs', () => {
    expect(of({ 1: OK, 2: LOST, 3: LOST }, { kind: 'Pulling', message })).toEqual(['1/3', 'False/QuorumLost']);
  });

  test('unknown members have no denominator', () => {
    expect(redundancyOf({ ...planRecovery(planInput({ 1: OK })), members: undefined })).toBe('1/?');
  });
});
