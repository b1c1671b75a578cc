import { assertNever } from '../base/assert.ts';
import { quorumSize } from './membership.ts';
import type { FailedAttempts, Plan } from './plan.ts';
import type { Reason } from './reasons.ts';
import type { Members } from './recovery-members.ts';
import { ATTEMPTS_BEFORE_STALLED } from './recovery-policy.ts';
import type { Replica } from './replica-state.ts';

/** Something wrong with the resource itself, found before any replica is judged. */
export type ResourceProblem = Extract<
  Reason,
  'Duplicate' | 'InvalidSpec' | 'ClusterNotFound' | 'SafekeeperIdConflict' | 'CredentialsInvalid'
>;

/** Where one visit of a timeline ended, or where it is: the only source of conditions, events and metrics. */
export type Outcome =
  | { readonly kind: 'Observing' }
  | Extract<Plan, { kind: 'Settled' | 'Wait' | 'Propose' | 'Blocked' }>
  | { readonly kind: 'Queued' | 'Pulling' | 'Verifying'; readonly message: string }
  | { readonly kind: 'Failed'; readonly failed: FailedAttempts }
  | { readonly kind: 'Problem'; readonly reason: ResourceProblem; readonly message: string };

export type ConditionType = 'Ready' | 'Reconciling' | 'Stalled' | 'Paused' | 'QuorumIntact';

export interface Condition {
  readonly type: ConditionType;
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: Reason;
  readonly message: string;
}

/** What people are told when the outcome changes. */
export interface OutcomeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: Reason;
  readonly message: string;
}

export interface OutcomeContext {
  readonly members: Members | undefined;
  readonly replicas: readonly Replica[];
  /** Why recovery is paused, if it is. */
  readonly paused: string | undefined;
}

/** Ready, Reconciling and Stalled of one outcome, and the event that announces it. Undefined means False or no event. */
interface Verdict {
  readonly ready: { readonly status: Condition['status']; readonly reason: Reason };
  readonly reconciling: Reason | undefined;
  readonly stalled: Reason | undefined;
  readonly event: Reason | undefined;
  readonly message: string;
}

/** All five conditions, always, in one order (kstatus: Reconciling and Stalled are true when abnormal). */
export function conditionsOf(outcome: Outcome, context: OutcomeContext): Condition[] {
  const verdict = verdictOf(outcome);
  const { message } = verdict;
  const paused = context.paused !== undefined;
  const abnormal = (type: ConditionType, reason: Reason | undefined, otherwise: Reason): Condition =>
    reason === undefined || paused
      ? { type, status: 'False', reason: otherwise, message: '' }
      : { type, status: 'True', reason, message };
  return [
    { type: 'Ready', ...verdict.ready, message },
    abnormal('Reconciling', verdict.reconciling, 'Idle'),
    abnormal('Stalled', verdict.stalled, 'Progressing'),
    context.paused === undefined
      ? { type: 'Paused', status: 'False', reason: 'NotPaused', message: '' }
      : { type: 'Paused', status: 'True', reason: 'Paused', message: context.paused },
    quorumIntact(outcome, context, message),
  ];
}

/** The event for an outcome that has just been reached. A timeline that was never degraded has not recovered. */
export function eventOf(outcome: Outcome, wasReady: Condition['status'] | undefined): OutcomeEvent | undefined {
  const { event, message } = verdictOf(outcome);
  if (event === undefined || (event === 'Recovered' && wasReady !== 'False')) return undefined;
  return { type: event === 'Recovered' || event === 'RecoveryStarted' ? 'Normal' : 'Warning', reason: event, message };
}

/** One sentence for people: safe, at risk or needs you; why; what to do. */
export function messageOf(outcome: Outcome): string {
  return verdictOf(outcome).message;
}

/** `2/3`: members with their own history, of all members. */
export function redundancyOf({ members, replicas }: Pick<OutcomeContext, 'members' | 'replicas'>): string {
  const present = replicas.filter(({ state }) => state === 'Present').length;
  return members === undefined ? `${present}/?` : `${present}/${members.all.length}`;
}

/** The table of spec "Conditions": one row a case. */
function verdictOf(outcome: Outcome): Verdict {
  const notReady = (reason: Reason) => ({ status: 'False', reason }) as const;
  switch (outcome.kind) {
    case 'Observing':
      return {
        ready: { status: 'Unknown', reason: 'Observing' },
        reconciling: 'Observing',
        stalled: undefined,
        event: undefined,
        message: 'Looking at the replicas for the first time.',
      };
    case 'Settled':
      return {
        ready: { status: 'True', reason: 'AllReplicasPresent' },
        reconciling: undefined,
        stalled: undefined,
        event: 'Recovered',
        message: 'Safe: every member has its replica.',
      };
    case 'Wait':
      return {
        ready: notReady(outcome.ready),
        reconciling: outcome.stalled === undefined ? outcome.reason : undefined,
        stalled: outcome.stalled,
        // The failure itself was announced when it happened.
        event: outcome.reason === 'RetryBackoff' ? undefined : outcome.ready,
        message: `${outcome.stalled === undefined ? 'At risk' : 'Needs you'}: ${outcome.message}`,
      };
    case 'Queued':
      return {
        ready: notReady('ReplicaLost'),
        reconciling: 'Queued',
        stalled: undefined,
        event: undefined,
        message: `At risk: ${outcome.message}`,
      };
    case 'Pulling':
      return {
        ready: notReady('ReplicaLost'),
        reconciling: 'Pulling',
        stalled: undefined,
        event: 'RecoveryStarted',
        message: `At risk: ${outcome.message}`,
      };
    case 'Verifying':
      return {
        ready: notReady('ReplicaLost'),
        reconciling: 'Verifying',
        stalled: undefined,
        event: undefined,
        message: `At risk: ${outcome.message}`,
      };
    case 'Failed': {
      const keepsFailing = outcome.failed.count >= ATTEMPTS_BEFORE_STALLED;
      const boundary = outcome.failed.reason === 'DonorAtSegmentBoundary';
      return {
        ready: notReady('ReplicaLost'),
        reconciling: keepsFailing || boundary ? undefined : 'RetryBackoff',
        stalled: boundary ? 'DonorAtSegmentBoundary' : keepsFailing ? 'RecoveryKeepsFailing' : undefined,
        event: boundary ? 'DonorAtSegmentBoundary' : 'RecoveryFailed',
        message: `${keepsFailing || boundary ? 'Needs you' : 'At risk'}: attempt ${outcome.failed.count} failed: ${outcome.failed.message}`,
      };
    }
    case 'Propose':
      return {
        ready: notReady('ReplicaLost'),
        reconciling: undefined,
        stalled: 'ApprovalNeeded',
        event: 'RecoveryProposed',
        message: `Needs you: ${outcome.message}`,
      };
    case 'Blocked': {
      const ready =
        outcome.reason === 'StormBrake' || outcome.reason === 'RecoveryDisabled' ? 'ReplicaLost' : outcome.reason;
      return {
        ready: notReady(ready),
        reconciling: undefined,
        stalled: outcome.reason,
        event: outcome.reason,
        message: `Needs you: ${outcome.message}`,
      };
    }
    case 'Problem':
      return {
        ready: notReady(outcome.reason),
        reconciling: undefined,
        stalled: outcome.reason,
        event: outcome.reason,
        message: `Needs you: ${outcome.message}`,
      };
    default:
      return assertNever(outcome);
  }
}

function quorumIntact(outcome: Outcome, { members, replicas }: OutcomeContext, message: string): Condition {
  if (outcome.kind === 'Blocked' && (outcome.reason === 'QuorumLost' || outcome.reason === 'AllReplicasLost')) {
    return { type: 'QuorumIntact', status: 'False', reason: outcome.reason, message };
  }
  const present = new Set(replicas.filter(({ state }) => state === 'Present').map(({ id }) => id));
  const intact = members?.sets.every((set) => set.filter((id) => present.has(id)).length >= quorumSize(set.length));
  return intact === true
    ? { type: 'QuorumIntact', status: 'True', reason: 'QuorumPresent', message: '' }
    : { type: 'QuorumIntact', status: 'Unknown', reason: 'Observing', message: 'Too few members answer to know.' };
}
