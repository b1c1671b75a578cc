import type { HistoryEntry, RecoveryEntry } from '../../api/timeline-status.ts';
import type { Clock } from '../../base/clock.ts';
import { parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import { INVALID_LSN, type Lsn } from '../../domain/lsn.ts';
import type { DiskEvidence } from '../../domain/observation.ts';
import type { FailedAttempts } from '../../domain/plan.ts';
import { EMPTY_MEMORY, type RecoveryMemory } from '../../domain/recovery-memory.ts';
import { retryDelayMs } from '../../domain/recovery-policy.ts';
import type { ReplicaStateKind } from '../../domain/replica-state.ts';
import { INITIAL_TERM, type Term } from '../../domain/term.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import type { SafekeeperHandle } from '../cluster/safekeeper-handle.ts';
import type { RecoveryTask } from './recovery-task.ts';
import type { TimelineResource } from './resource.ts';

/**
 * Evidence about a disk holds until the replica's log moves (rule R13). That files are missing holds until somebody has
 * looked again: WAL that is added does not bring them back.
 */
export interface CachedDisk {
  readonly flushLsn: Lsn;
  readonly term: Term;
  readonly evidence: DiskEvidence;
  /** Monotonic ms: it is looked at again then, even if nothing moves. */
  readonly lookAgainMs: number;
}

/** The attempts that failed, and the last of them as the status shows it. */
export interface FailedRecovery extends FailedAttempts {
  readonly entry: RecoveryEntry;
}

/** The status does not say which files. */
const DAMAGED_BEFORE: CachedDisk = {
  flushLsn: INVALID_LSN,
  term: INITIAL_TERM,
  evidence: { kind: 'Missing', segments: [] },
  lookAgainMs: 0,
};

/** What the operator remembers of one timeline between visits. Losing it costs a grace period and nothing else. */
export interface Tracking {
  /** Of the object that this is about: another one of the same name may stand for another timeline. */
  readonly uid: string | undefined;
  readonly cluster: ClusterRuntime;
  /** Whom the memory is about. */
  safekeepers: ReadonlyMap<SafekeeperId, SafekeeperHandle>;
  memory: RecoveryMemory;
  failed: FailedRecovery | undefined;
  task: RecoveryTask | undefined;
  /** Recoveries that have ended and are in no status yet, newest first. */
  ended: readonly HistoryEntry[];
  /** Since when (monotonic ms) a safekeeper has not told what is on its disk, though it was asked. */
  uninspectedSinceMs: number | undefined;
  disks: ReadonlyMap<SafekeeperId, CachedDisk>;
  /** Since when (monotonic ms) it has waited for a slot. */
  queuedSinceMs: number | undefined;
  /** Safekeepers that refused a pull because of a directory they could not load, until (monotonic ms) it is tried again. */
  notLoadedUntilMs: ReadonlyMap<SafekeeperId, number>;
}

/** Shared: of most timelines there is nothing to remember, and an empty map of each would take megabytes. */
export const NOTHING: ReadonlyMap<SafekeeperId, never> = new Map<SafekeeperId, never>();

/** A refused pull has downloaded everything in vain, and only a person changes what is on that disk. */
export const NOT_LOADED_RETRY_MS = 60 * 60_000;

/** All that was seen of the disks is to be seen again before it counts, damage excepted. */
export function lookAgain(disks: Tracking['disks']): Tracking['disks'] {
  return new Map([...disks].map(([id, disk]) => [id, { ...disk, lookAgainMs: 0 }]));
}

/** A restarted operator takes up failed attempts, refusals and damage where the status left them. */
export function newTracking({ object, cluster, status }: TimelineResource, clock: Clock): Tracking {
  const inState = (state: ReplicaStateKind) =>
    (status.replicas ?? []).flatMap((replica) =>
      replica.state === state ? (parseSafekeeperId(replica.safekeeperId) ?? []) : [],
    );
  const untilMs = clock.monotonicMs() + NOT_LOADED_RETRY_MS;
  return {
    uid: object.metadata.uid,
    cluster,
    safekeepers: cluster.safekeepers,
    memory: EMPTY_MEMORY,
    failed: failedBefore(status, clock),
    task: undefined,
    ended: [],
    uninspectedSinceMs: undefined,
    queuedSinceMs: undefined,
    disks: mapOf(inState('Damaged'), DAMAGED_BEFORE),
    notLoadedUntilMs: mapOf(inState('Corrupt'), untilMs),
  };
}

function mapOf<Value>(ids: readonly SafekeeperId[], value: Value): ReadonlyMap<SafekeeperId, Value> {
  return ids.length === 0 ? NOTHING : new Map(ids.map((id) => [id, value]));
}

/**
 * Whether what is remembered is still about this timeline on these safekeepers. Who answers at another address is a
 * stranger: how long the old one was silent or empty says nothing of it.
 */
export function isAbout(tracking: Tracking, { object, cluster }: TimelineResource): boolean {
  const { uid, safekeepers } = tracking;
  return (
    uid === object.metadata.uid &&
    tracking.cluster === cluster &&
    [...safekeepers].every(([id, safekeeper]) => cluster.safekeepers.get(id) === safekeeper)
  );
}

function failedBefore(status: TimelineResource['status'], clock: Clock): FailedRecovery | undefined {
  const { recovery, history } = status;
  if (recovery === undefined) return undefined;
  // The attempt that was under way when the last operator stopped did not fail.
  const count = recovery.nextAttemptAt === undefined ? recovery.attempt - 1 : recovery.attempt;
  if (count === 0) return undefined;
  const waitMs = Date.parse(recovery.nextAttemptAt ?? '') - clock.wallTimeMs() || 0;
  const last = history?.find(({ outcome }) => outcome === 'Failed');
  return {
    count,
    nextAttemptAtMs: clock.monotonicMs() + Math.min(waitMs, retryDelayMs(count)),
    reason: last?.reason === 'DonorAtSegmentBoundary' ? last.reason : 'RecoveryFailed',
    message: last?.message ?? 'the last attempt failed',
    entry: { ...recovery, attempt: count, nextAttemptAt: recovery.nextAttemptAt ?? recovery.startedAt },
  };
}
