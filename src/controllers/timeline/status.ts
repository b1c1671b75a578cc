import type { StatusCondition } from '../../api/condition.ts';
import { bounds } from '../../api/bounds.ts';
import { annotations } from '../../api/names.ts';
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
import type { FailedAttempts } from '../../domain/plan.ts';
import { chooseDonor, type Proposal, witnessesOf } from '../../domain/recovery-intent.ts';
import type { Planned } from '../../domain/recovery-plan.ts';
import type { Replica } from '../../domain/replica-state.ts';
import { term } from '../../domain/term.ts';
import { claimConditions } from '../../kube/conditions.ts';
import type { RecoveryTask } from './recovery-task.ts';

/** All that a timeline's status is made of. */
export interface StatusInput {
  readonly object: SafekeeperTimeline;
  /** As last written. */
  readonly before: SafekeeperTimelineStatus;
  readonly outcome: Outcome;
  readonly planned: Pick<Planned, 'members' | 'replicas'>;
  readonly proposal: Proposal | undefined;
  readonly task: RecoveryTask | undefined;
  readonly failed: FailedAttempts | undefined;
  /** Wall time of the next attempt, when one waits. */
  readonly nextAttemptAtMs: number | undefined;
  /** A recovery that has just ended. */
  readonly ended: HistoryEntry | undefined;
  readonly paused: string | undefined;
  readonly wallTimeMs: number;
}

const HISTORY_MAX = 10;

/** The whole status, as server-side apply wants it: what is left out is removed. */
export function buildStatus(input: StatusInput): SafekeeperTimelineStatus {
  const { object, before, outcome, planned, task, wallTimeMs } = input;
  const { members, replicas } = planned;
  const anyLost = replicas.some(({ state }) => state === 'Lost');
  const donor =
    task?.intent.donor ?? input.proposal?.donor ?? (anyLost ? chooseDonor(witnessesOf(replicas))?.id : undefined);
  const annotation = (name: string) => cut(object.metadata.annotations?.[name], bounds.handledValueLengthMax);
  // What nobody looked at is as it was last seen.
  const seen =
    replicas.length === 0
      ? { redundancy: before.redundancy, members: before.members, replicas: before.replicas }
      : {
          redundancy: redundancyOf(planned),
          members: members?.all.map(Number),
          replicas: replicas.map((replica) => replicaEntry(replica, before, wallTimeMs)),
        };
  return {
    ...seen,
    observedGeneration: object.metadata.generation,
    message: cut(messageOf(outcome), bounds.messageLengthMax),
    donor: donor === undefined ? undefined : Number(donor),
    proposal: input.proposal === undefined ? undefined : proposalEntry(input.proposal),
    recovery: task === undefined ? failedEntry(before, input) : runningEntry(task),
    history: [...(input.ended === undefined ? [] : [input.ended]), ...(before.history ?? [])].slice(0, HISTORY_MAX),
    lastHandledApprove: annotation(annotations.approve),
    lastHandledForceDonor: annotation(annotations.forceDonor),
    lastHandledReconcileAt: annotation(annotations.reconcileAt),
    conditions: conditionEntries(input),
  };
}

/**
 * Whether a status says anything new. LSNs, times and wording move all the time and are not news; they are written
 * along with what is.
 */
export function isNews(before: SafekeeperTimelineStatus, after: SafekeeperTimelineStatus): boolean {
  return JSON.stringify(essence(before)) !== JSON.stringify(essence(after));
}

function essence(status: SafekeeperTimelineStatus): unknown {
  return [
    status.observedGeneration,
    status.redundancy,
    status.members,
    status.replicas?.map(({ safekeeperId, state, generation }) => [safekeeperId, state, generation]),
    status.proposal?.id,
    status.recovery,
    status.history?.map(({ startedAt, recipient, outcome }) => [startedAt, recipient, outcome]),
    [status.lastHandledApprove, status.lastHandledForceDonor, status.lastHandledReconcileAt],
    status.conditions?.map(({ type, status, reason, observedGeneration }) => [
      type,
      status,
      reason,
      observedGeneration,
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
    if (id === undefined || flushLsn === undefined || entry.term === undefined || entry.lastLogTerm === undefined)
      continue;
    recorded.set(id, {
      generation: generation(Number(entry.generation ?? 0)),
      term: term(BigInt(entry.term)),
      lastLogTerm: term(BigInt(entry.lastLogTerm)),
      flushLsn,
    });
  }
  return recorded;
}

/** The record of a recovery that has ended, for the history. */
export function recoveryRecord(task: RecoveryTask, wallTimeMs: number): HistoryEntry | undefined {
  const { intent, result, startedAtMs } = task;
  // A plan that was discarded before anything was done is no recovery.
  if (result === undefined || result.kind === 'Discarded') return undefined;
  const outcomes = { Recovered: 'Recovered', Cancelled: 'Cancelled', NotLoaded: 'Failed', Failed: 'Failed' } as const;
  return {
    recipient: Number(intent.recipient),
    donor: Number(intent.donor),
    fromLsn: result.kind === 'Recovered' ? formatLsn(result.fromLsn) : undefined,
    toLsn: result.kind === 'Recovered' ? formatLsn(result.toLsn) : undefined,
    startedAt: formatTimestamp(startedAtMs),
    duration: `${Math.max(0, Math.round((wallTimeMs - startedAtMs) / 1_000))}s`,
    fencing: intent.fencing,
    forced: intent.forced,
    outcome: outcomes[result.kind],
    reason: result.kind === 'Failed' ? result.reason : undefined,
    message: result.kind === 'Recovered' ? undefined : cut(result.message, bounds.messageLengthMax),
  };
}

function replicaEntry(replica: Replica, before: SafekeeperTimelineStatus, wallTimeMs: number): ReplicaEntry {
  const safekeeperId = Number(replica.id);
  const known = before.replicas?.find((entry) => entry.safekeeperId === safekeeperId);
  const message = replica.message === '' ? undefined : cut(replica.message, bounds.messageLengthMax);
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
        message,
      };
    case 'Unreachable':
    case 'Unknown':
    case 'Deleted':
    case 'Corrupt':
      return { ...known, safekeeperId, state, message };
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
    members: proposal.members.map(Number),
    generation: String(proposal.generation),
    walLostBytes: proposal.forced ? Number(proposal.walLostBytes) : undefined,
  };
}

function runningEntry({ intent, startedAtMs, attempt }: RecoveryTask): RecoveryEntry {
  return {
    recipient: Number(intent.recipient),
    donor: Number(intent.donor),
    fencing: intent.fencing,
    forced: intent.forced,
    startedAt: formatTimestamp(startedAtMs),
    bytesExpected: intent.snapshotSizeBytes,
    attempt,
  };
}

/** Between attempts the last one stays visible, with the time of the next: a restarted operator goes on from there. */
function failedEntry({ recovery }: SafekeeperTimelineStatus, input: StatusInput): RecoveryEntry | undefined {
  const { failed, nextAttemptAtMs } = input;
  if (failed === undefined || recovery === undefined) return undefined;
  if (recovery.attempt === failed.count && recovery.nextAttemptAt !== undefined) return recovery;
  const nextAttemptAt = nextAttemptAtMs === undefined ? undefined : formatTimestamp(nextAttemptAtMs);
  return { ...recovery, attempt: failed.count, nextAttemptAt };
}

function conditionEntries({ object, before, outcome, planned, paused, wallTimeMs }: StatusInput): StatusCondition[] {
  const claims = conditionsOf(outcome, { ...planned, paused });
  return claimConditions(before.conditions ?? [], claims, object.metadata.generation, wallTimeMs);
}

/** A value that is longer than the schema allows would make the API server refuse the whole status. */
function cut<Text extends string | undefined>(text: Text, lengthMax: number): Text {
  return (text !== undefined && text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text) as Text;
}
