import { assertNever } from '../base/assert.ts';
import type { SafekeeperId } from './ids.ts';
import { formatLsn, INVALID_LSN } from './lsn.ts';
import type { Evidence, Observation, RecordedReplica, ReplicaStatus } from './observation.ts';

/** What a replica is to a recovery. Only `Present` replicas are witnesses and donors (rules R1, R2, R8, R13). */
export type ReplicaStateKind =
  | 'Present'
  | 'Lost'
  | 'Hollow'
  | 'Damaged'
  | 'Corrupt'
  | 'Deleted'
  | 'Unreachable'
  | 'Unknown';

export interface Replica {
  readonly id: SafekeeperId;
  readonly state: ReplicaStateKind;
  /** What it answered, whatever its state: the term of a hollow or damaged replica still counts (rule R3). */
  readonly status: ReplicaStatus | undefined;
  /** Why it is not Present, for people; empty when it is. */
  readonly message: string;
}

/** A replica that has its own history. */
export type Witness = Replica & { readonly state: 'Present'; readonly status: ReplicaStatus };

export function isWitness(replica: Replica): replica is Witness {
  return replica.state === 'Present';
}

/** Judges every member by its own answer, its peers' and what was recorded of it. A member that was not read is Unknown. */
export function judgeReplicas(
  members: readonly SafekeeperId[],
  observation: Observation,
  recorded: ReadonlyMap<SafekeeperId, RecordedReplica>,
  evidence: Pick<Evidence, 'disks'>,
): Replica[] {
  return members.map((id) => judge(id, members, observation, recorded, evidence));
}

function judge(
  id: SafekeeperId,
  members: readonly SafekeeperId[],
  observation: Observation,
  recorded: ReadonlyMap<SafekeeperId, RecordedReplica>,
  evidence: Pick<Evidence, 'disks'>,
): Replica {
  const answer = observation.get(id)?.answer ?? { kind: 'Unknown', problem: 'it has not answered yet' };
  const absent = (state: ReplicaStateKind, message: string): Replica => ({ id, state, status: undefined, message });
  switch (answer.kind) {
    case 'NotFound':
      return absent('Lost', 'the safekeeper answers that it has no such timeline');
    case 'NotLoaded':
      return absent('Corrupt', 'a directory of this timeline is on its disk but could not be loaded');
    case 'Deleted':
      return absent('Deleted', 'the safekeeper answers that the timeline was deleted');
    case 'Unreachable':
      return absent('Unreachable', answer.problem);
    case 'Unknown':
      return absent('Unknown', answer.problem);
    case 'Status': {
      const { status } = answer;
      const peers = members.flatMap((peer) => (peer === id ? [] : (statusOf(observation, peer) ?? [])));
      const hollow = hollowness(status, peers) ?? regression(status, recorded.get(id));
      if (hollow !== undefined) return { id, state: 'Hollow', status, message: hollow };
      const disk = evidence.disks.get(id);
      if (disk?.kind === 'Missing') {
        const which = disk.segments.length === 0 ? '' : `: ${list(disk.segments)}`;
        return { id, state: 'Damaged', status, message: `WAL files are missing on its disk${which}` };
      }
      return { id, state: 'Present', status, message: '' };
    }
    default:
      return assertNever(answer);
  }
}

/**
 * Who only may look hollow because WAL moved on between the reads: a peer that was read later knows of more. Read them
 * once more before they are judged, or a busy timeline raises false alarms.
 */
export function readTooEarly(observation: Observation): SafekeeperId[] {
  const readings = [...observation.values()];
  return readings.flatMap(({ id, startedMs, answer }) => {
    if (answer.kind !== 'Status') return [];
    const later = readings.filter((peer) => peer.id !== id && peer.finishedMs > startedMs);
    const statuses = later.flatMap((peer) => (peer.answer.kind === 'Status' ? [peer.answer.status] : []));
    return hollowness(answer.status, statuses) === undefined ? [] : [id];
  });
}

/** Rule R8: the timeline was created anew, without the WAL that others know it had. */
function hollowness(status: ReplicaStatus, peers: readonly ReplicaStatus[]): string | undefined {
  const horizon = peers.find((peer) => peer.peerHorizonLsn > status.flushLsn);
  if (horizon !== undefined) {
    return `its WAL ends at ${formatLsn(status.flushLsn)}, though a peer knows that it had reached ${formatLsn(horizon.peerHorizonLsn)}`;
  }
  if (status.flushLsn === INVALID_LSN && peers.some((peer) => peer.flushLsn !== INVALID_LSN)) {
    return 'it has no WAL at all, though its peers have';
  }
  return undefined;
}

/** Rule R8: an older disk was put back. */
function regression(status: ReplicaStatus, before: RecordedReplica | undefined): string | undefined {
  if (before === undefined || before.generation !== status.membership.generation) return undefined;
  if (status.term < before.term) return `its term went back from ${before.term} to ${status.term}`;
  if (status.lastLogTerm === before.lastLogTerm && status.flushLsn < before.flushLsn) {
    return `its WAL went back from ${formatLsn(before.flushLsn)} to ${formatLsn(status.flushLsn)} in the same term`;
  }
  return undefined;
}

export function statusOf(observation: Observation, id: SafekeeperId): ReplicaStatus | undefined {
  const answer = observation.get(id)?.answer;
  return answer?.kind === 'Status' ? answer.status : undefined;
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
