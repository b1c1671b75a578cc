import { assertNever } from '../base/assert.ts';
import { quorumSize } from './membership.ts';
import type { FailedAttempts, Plan, WaitReason } from './plan.ts';
import { REASONS, type Reason } from './reasons.ts';
import { isQuorumLost } from './recovery-intent.ts';
import type { Members } from './recovery-members.ts';
import { ATTEMPTS_BEFORE_STALLED } from './recovery-policy.ts';
import { isWitness, type Replica } from './replica-state.ts';

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

/** What Ready, Reconciling and Stalled say, of a timeline or a whole cluster. Undefined means False. */
export interface Verdict {
  readonly ready: { readonly status: Condition['status']; readonly reason: Reason };
  readonly reconciling: Reason | undefined;
  readonly stalled: Reason | undefined;
  readonly message: string;
}

/** The verdict on one outcome, and the event that announces it, if any. */
interface OutcomeVerdict extends Verdict {
  readonly event: Reason | undefined;
}

/** The event of each wait; a failure was announced when it happened. */
const WAIT_EVENTS: Readonly<Record<WaitReason, Reason | undefined>> = {
  GracePeriod: 'ReplicaLost',
  WaitingForWitnesses: 'ReplicaUnreachable',
  RetryBackoff: undefined,
};

/** The conditions of a timeline. */
export function conditionsOf(outcome: Outcome, context: OutcomeContext): Condition[] {
  return conditionsOfVerdict(verdictOf(outcome), context.paused, quorumIntact(context));
}

/**
 * All five conditions, always, in one order (kstatus: Reconciling and Stalled are true when abnormal). While paused,
 * Ready is as observed and nothing else goes on.
 */
export function conditionsOfVerdict(
  { ready, reconciling, stalled, message }: Verdict,
  paused: string | undefined,
  quorumIntact: Condition,
): Condition[] {
  const abnormal = (type: ConditionType, reason: Reason | undefined, otherwise: Reason): Condition =>
    reason === undefined || paused !== undefined
      ? { type, status: 'False', reason: otherwise, message: '' }
      : { type, status: 'True', reason, message };
  return [
    { type: 'Ready', ...ready, message },
    abnormal('Reconciling', reconciling, 'Idle'),
    abnormal('Stalled', stalled, 'Progressing'),
    paused === undefined
      ? { type: 'Paused', status: 'False', reason: 'NotPaused', message: '' }
      : { type: 'Paused', status: 'True', reason: 'Paused', message: paused },
    quorumIntact,
  ];
}

/** The event for an outcome that has just been reached. A timeline that was never degraded has not recovered. */
export function eventOf(outcome: Outcome, wasReady: Condition['status'] | undefined): OutcomeEvent | undefined {
  const { event, message } = verdictOf(outcome);
  if (event === undefined || (event === 'Recovered' && wasReady !== 'False')) return undefined;
  return { type: event === 'Recovered' || event === 'RecoveryStarted' ? 'Normal' : 'Warning', reason: event, message };
}

/** The event for pausing and going on. */
export function pauseEventOf(paused: string | undefined, wasPaused: boolean): OutcomeEvent | undefined {
  if (paused !== undefined) return wasPaused ? undefined : { type: 'Normal', reason: 'Paused', message: paused };
  return wasPaused ? { type: 'Normal', reason: 'Resumed', message: REASONS.Resumed } : undefined;
}

/** One sentence for people: safe, at risk or needs you; why; what to do. */
export function messageOf(outcome: Outcome): string {
  return verdictOf(outcome).message;
}

/** `2/3`: members with their own history, of all members. */
export function redundancyOf({ members, replicas }: Pick<OutcomeContext, 'members' | 'replicas'>): string {
  const present = replicas.filter(isWitness).length;
  return members === undefined ? `${present}/?` : `${present}/${members.all.length}`;
}

/** The table of spec/product.md, "Conditions": one case a row. */
function verdictOf(outcome: Outcome): OutcomeVerdict {
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
    case 'Wait': {
      const { ready, reason, stalled, message } = outcome;
      const event = WAIT_EVENTS[reason];
      return stalled === undefined ? atRisk(ready, reason, event, message) : needsYou(ready, stalled, event, message);
    }
    case 'Queued':
    case 'Verifying':
      return atRisk('ReplicaLost', outcome.kind, undefined, outcome.message);
    case 'Pulling':
      return atRisk('ReplicaLost', 'Pulling', 'RecoveryStarted', outcome.message);
    case 'Failed': {
      const { failed } = outcome;
      const message = `Attempt ${failed.count} failed: ${failed.message}`;
      if (failed.reason === 'DonorAtSegmentBoundary') {
        return needsYou('ReplicaLost', failed.reason, failed.reason, message);
      }
      return failed.count >= ATTEMPTS_BEFORE_STALLED
        ? needsYou('ReplicaLost', 'RecoveryKeepsFailing', 'RecoveryFailed', message)
        : atRisk('ReplicaLost', 'RetryBackoff', 'RecoveryFailed', message);
    }
    case 'Propose':
      return needsYou('ReplicaLost', 'ApprovalNeeded', 'RecoveryProposed', outcome.message);
    case 'Blocked': {
      const { reason, message } = outcome;
      const refused = reason === 'StormBrake' || reason === 'RecoveryDisabled';
      return needsYou(refused ? 'ReplicaLost' : reason, reason, reason, message);
    }
    case 'Problem':
      return needsYou(outcome.reason, outcome.reason, outcome.reason, outcome.message);
    default:
      return assertNever(outcome);
  }
}

/** The operator is at work or waits for something that comes by itself. */
function atRisk(ready: Reason, reconciling: Reason, event: Reason | undefined, message: string): OutcomeVerdict {
  return {
    ready: { status: 'False', reason: ready },
    reconciling,
    stalled: undefined,
    event,
    message: `At risk: ${message}`,
  };
}

/** Nothing more happens until a person does something. */
function needsYou(ready: Reason, stalled: Reason, event: Reason | undefined, message: string): OutcomeVerdict {
  return {
    ready: { status: 'False', reason: ready },
    reconciling: undefined,
    stalled,
    event,
    message: `Needs you: ${message}`,
  };
}

/** Judged by the replicas, because a forced recovery goes on while the quorum is lost. Deleted replicas are no loss. */
function quorumIntact({ members, replicas }: OutcomeContext): Condition {
  const deleted = replicas.some(({ state }) => state === 'Deleted');
  if (members !== undefined && !deleted && isQuorumLost(members, replicas)) {
    const reason = replicas.every(({ state }) => state === 'Lost') ? 'AllReplicasLost' : 'QuorumLost';
    return { type: 'QuorumIntact', status: 'False', reason, message: REASONS[reason] };
  }
  const present = new Set(replicas.filter(isWitness).map(({ id }) => id));
  const intact = members?.sets.every((set) => set.filter((id) => present.has(id)).length >= quorumSize(set.length));
  return intact === true
    ? { type: 'QuorumIntact', status: 'True', reason: 'QuorumPresent', message: '' }
    : { type: 'QuorumIntact', status: 'Unknown', reason: 'Observing', message: 'Too few members answer to know.' };
}
