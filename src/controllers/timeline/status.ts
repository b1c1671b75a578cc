import type { StatusCondition } from '../../api/condition.ts';
import { bounds } from '../../api/bounds.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type {
  HistoryEntry,
  ProposalEntry,
  RecoveryEntry,
  ReplicaEntry,
  SafekeeperTimelineStatus,
} from '../../api/timeline-status.ts';
import { formatTimestamp } from '../../base/clock.ts';
import { conditionsOf, messageOf, type Outcome, redundancyOf } from '../../domain/conditions.ts';
import { parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import { formatLsn, parseLsn } from '../../domain/lsn.ts';
import { generation } from '../../domain/membership.ts';
import type { RecordedReplica } from '../../domain/observation.ts';
import type { Plan } from '../../domain/plan.ts';
import { chooseDonor, type Proposal, witnessesOf } from '../../domain/recovery-intent.ts';
import type { Planned } from '../../domain/recovery-plan.ts';
import type { Replica } from '../../domain/replica-state.ts';
import { INITIAL_TERM, maxTerm, parseTerm, type Term } from '../../domain/term.ts';
import { claimConditions } from '../../kube/conditions.ts';
import { cut } from '../text.ts';
import { handledDecisions } from './decisions.ts';
import type { RecoveryTask } from './recovery-task.ts';
import type { FailedRecovery } from './tracking.ts';

/** All that a timeline's status is made of. */
export interface StatusInput {
  readonly object: SafekeeperTimeline;
  /** As last written. */
  readonly before: SafekeeperTimelineStatus;
  readonly outcome: Outcome;
  readonly planned: Pick<Planned, 'members' | 'replicas'>;
  /** What the visit came to; undefined while a recovery runs and when nothing was planned. */
  readonly plan: Plan | undefined;
  readonly task: RecoveryTask | undefined;
  readonly failed: FailedRecovery | undefined;
  /** Recoveries that have ended and are not in `before`, newest first. */
  readonly ended: readonly HistoryEntry[];
  readonly paused: string | undefined;
  readonly wallTimeMs: number;
}

/** The whole status, as server-side apply wants it: what is left out is removed. */
export function buildStatus(input: StatusInput): SafekeeperTimelineStatus {
  const { object, before, outcome, planned, plan, task, failed, wallTimeMs } = input;
  const { members, replicas } = planned;
  const proposal = plan?.kind === 'Propose' || plan?.kind === 'Blocked' ? plan.proposal : undefined;
  const anyLost = replicas.some(({ state }) => state === 'Lost');
  const donor = task?.donor ?? proposal?.donor ?? (anyLost ? chooseDonor(witnessesOf(replicas))?.id : undefined);
  // What nobody looked at is as it was last seen.
  const seen =
    replicas.length === 0
      ? { redundancy: before.redundancy, members: before.members, replicas: before.replicas }
      : {
          redundancy: redundancyOf(planned),
          members: members === undefined ? undefined : memberIds(members.all),
          replicas: replicas
            .slice(0, bounds.replicaCountMax)
            .map((replica) => replicaEntry(replica, before, wallTimeMs)),
        };
  return {
    ...seen,
    observedGeneration: object.metadata.generation,
    message: cut(messageOf(outcome)),
    donor: donor === undefined ? undefined : Number(donor),
    proposal: proposal === undefined ? undefined : proposalEntry(proposal),
    recovery: task === undefined ? failed?.entry : recoveryEntry(task),
    fencedTerm: announcedTerm(before, task),
    history: [...input.ended, ...(before.history ?? [])].slice(0, bounds.historyCountMax),
    ...handledDecisions(object, before, plan),
    conditions: conditionEntries(input),
  };
}

/**
 * Whether a status says anything new. LSNs, times and wording move all the time and are not news; they are written
 * along with what is. With `isPassing` neither is what is being done about it.
 */
export function isNews(before: SafekeeperTimelineStatus, after: SafekeeperTimelineStatus, isPassing = false): boolean {
  return JSON.stringify(essence(before, isPassing)) !== JSON.stringify(essence(after, isPassing));
}

function essence(status: SafekeeperTimelineStatus, isPassing: boolean): unknown {
  return [
    status.observedGeneration,
    status.redundancy,
    status.members,
    status.replicas?.map(({ safekeeperId, state, generation }) => [safekeeperId, state, generation]),
    status.proposal?.id,
    status.recovery,
    status.fencedTerm,
    status.history?.map(({ startedAt, recipient, outcome }) => [startedAt, recipient, outcome]),
    [status.lastHandledApprove, status.lastHandledForceDonor, status.lastHandledReconcileAt],
    status.conditions?.map(({ type, status, reason, observedGeneration, message }) => [
      type,
      status,
      isPassing && type === 'Reconciling' ? undefined : reason,
      observedGeneration,
      // Until when, and by whom.
      type === 'Paused' ? message : undefined,
    ]),
  ];
}

/**
 * What rule R8 compares with: positions that were written while a replica was there. A lost replica has none, so
 * whatever comes back is judged afresh.
 */
export function recordedReplicas(status: SafekeeperTimelineStatus): Map<SafekeeperId, RecordedReplica> {
  const recorded = new Map<SafekeeperId, RecordedReplica>();
  for (const entry of status.replicas ?? []) {
    const id = parseSafekeeperId(entry.safekeeperId);
    const flushLsn = parseLsn(entry.flushLsn ?? '');
    const term = parseTerm(entry.term ?? '');
    const lastLogTerm = parseTerm(entry.lastLogTerm ?? '');
    if (id === undefined || flushLsn === undefined || term === undefined || lastLogTerm === undefined) continue;
    recorded.set(id, { generation: generation(Number(entry.generation ?? 0)), term, lastLogTerm, flushLsn });
  }
  return recorded;
}

/** The highest term that a fence by terms was announced with. */
export function fencedTerm(status: SafekeeperTimelineStatus | undefined): Term {
  return parseTerm(status?.fencedTerm ?? '') ?? INITIAL_TERM;
}

/** Kept for ever, and raised before anybody is fenced. */
function announcedTerm(before: SafekeeperTimelineStatus, task: RecoveryTask | undefined): string | undefined {
  if (task?.intent.fencing !== 'ByTerms') return before.fencedTerm;
  return String(maxTerm(task.intent.floor, fencedTerm(before)));
}

const OUTCOMES = {
  Recovered: 'Recovered',
  Cancelled: 'Cancelled',
  Discarded: 'Cancelled',
  NotLoaded: 'Failed',
  Failed: 'Failed',
} as const;

/** The record of a recovery that has ended, for the history; undefined for one that never got to anything. */
export function recoveryRecord(task: RecoveryTask, wallTimeMs: number): HistoryEntry | undefined {
  const { intent, donor, result, startedAtMs } = task;
  if (result === undefined || result.kind === 'Overtaken') return undefined;
  return {
    recipient: Number(intent.recipient),
    donor: Number(donor),
    fromLsn: result.kind === 'Recovered' ? formatLsn(result.fromLsn) : undefined,
    toLsn: result.kind === 'Recovered' ? formatLsn(result.toLsn) : undefined,
    startedAt: formatTimestamp(startedAtMs),
    duration: `${Math.max(0, Math.round((wallTimeMs - startedAtMs) / 1_000))}s`,
    fencing: intent.fencing,
    forced: intent.forced,
    outcome: OUTCOMES[result.kind],
    reason: result.kind === 'Failed' ? result.reason : result.kind === 'NotLoaded' ? 'ReplicaCorrupt' : undefined,
    message: result.kind === 'Recovered' ? undefined : cut(result.message),
  };
}

function replicaEntry(replica: Replica, before: SafekeeperTimelineStatus, wallTimeMs: number): ReplicaEntry {
  const safekeeperId = Number(replica.id);
  const known = before.replicas?.find((entry) => entry.safekeeperId === safekeeperId);
  const message = replica.message === '' ? undefined : cut(replica.message);
  const state = replica.state;
  switch (state) {
    case 'Lost': {
      const lostSince = known?.state === 'Lost' ? known.lostSince : undefined;
      return { safekeeperId, state, lostSince: lostSince ?? formatTimestamp(wallTimeMs), message };
    }
    case 'Hollow':
      // What it had before stays on record, or a replica that went back would look healthy on the next visit.
      return {
        ...(known?.flushLsn === undefined ? positions(replica, wallTimeMs) : known),
        safekeeperId,
        state,
        lostSince: undefined,
        message,
      };
    case 'Unreachable':
    case 'Unknown':
    case 'Deleted':
    case 'Corrupt':
      return { ...known, safekeeperId, state, lostSince: undefined, message };
    case 'Present':
    case 'Damaged':
      return { ...positions(replica, wallTimeMs), safekeeperId, state, message };
  }
}

function positions({ status }: Replica, wallTimeMs: number): Partial<ReplicaEntry> {
  if (status === undefined) return {};
  return {
    generation: String(status.membership.generation),
    term: String(status.term),
    lastLogTerm: String(status.lastLogTerm),
    flushLsn: formatLsn(status.flushLsn),
    commitLsn: formatLsn(status.commitLsn),
    observedAt: formatTimestamp(wallTimeMs),
  };
}

function proposalEntry(proposal: Proposal): ProposalEntry {
  return {
    id: proposal.id,
    forced: proposal.forced,
    donor: Number(proposal.donor),
    recipient: Number(proposal.recipient),
    members: memberIds(proposal.members),
    generation: String(proposal.generation),
    walLostBytes: proposal.forced ? Math.min(Number(proposal.walLostBytes), Number.MAX_SAFE_INTEGER) : undefined,
  };
}

/** What the status shows of a recovery that runs, and of its failed attempt until the next one. */
export function recoveryEntry({ intent, donor, startedAtMs, attempt, bytesDone }: RecoveryTask): RecoveryEntry {
  return {
    recipient: Number(intent.recipient),
    donor: Number(donor),
    fencing: intent.fencing,
    forced: intent.forced,
    startedAt: formatTimestamp(startedAtMs),
    bytesExpected: intent.snapshotSizeBytes,
    bytesDone,
    attempt,
  };
}

/**
 * Whether a status read anew is still of this recovery. Another operator that believes to lead leaves its own there, or
 * none when it has finished one (docs/decisions/0004).
 */
export function showsRecovery(status: SafekeeperTimelineStatus | undefined, task: RecoveryTask): boolean {
  const { recipient, startedAt } = recoveryEntry(task);
  return (
    status?.recovery?.recipient === recipient &&
    status.recovery.startedAt === startedAt &&
    (task.intent.fencing === 'ByGrace' || fencedTerm(status) === task.intent.floor)
  );
}

/** A replica's configuration may name whatever it likes; the schema holds what the cluster's spec can. */
function memberIds(ids: readonly SafekeeperId[]): number[] {
  return ids.map(Number).filter(Number.isSafeInteger).slice(0, bounds.memberCountMax);
}

function conditionEntries({ object, before, outcome, planned, paused, wallTimeMs }: StatusInput): StatusCondition[] {
  const claims = conditionsOf(outcome, { ...planned, paused }).map((claim) => ({
    ...claim,
    message: cut(claim.message),
  }));
  return claimConditions(before.conditions ?? [], claims, object.metadata.generation, wallTimeMs);
}
