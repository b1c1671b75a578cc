import { assertNever } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/failure.ts';
import type { SafekeeperId, TenantTimelineId } from '../../domain/ids.ts';
import { minLsn } from '../../domain/lsn.ts';
import type { Answer, Observation, Reading, ReplicaStatus } from '../../domain/observation.ts';
import { readTooEarly } from '../../domain/replica-state.ts';
import type { TimelineStatus } from '../../safekeeper/api.ts';
import { segmentCount, snapshotSegmentRange } from '../../safekeeper/wal-segment.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';

/** What every read of one timeline needs. */
export interface Observer {
  readonly cluster: ClusterRuntime;
  readonly timeline: TenantTimelineId;
  /** Safekeepers that hold a directory they could not load, until (monotonic ms) they are believed again. */
  readonly tracking: { notLoadedUntilMs: ReadonlyMap<SafekeeperId, number> };
  readonly clock: Clock;
}

/** One round of reads, all at once. */
export async function readReplicas(
  observer: Observer,
  ids: readonly SafekeeperId[],
  signal: AbortSignal,
): Promise<Observation> {
  const readings = await Promise.all(ids.map((id) => readReplica(observer, id, signal)));
  return await readAgain(toObservation(readings), (id) => readReplica(observer, id, signal));
}

/**
 * The reads of rule R11: the recipient first, then everybody else, and each one's own id with it (rule R14), since an
 * address may have changed hands. An id that two addresses answer with says nothing at either.
 */
export async function readInOrder(
  observer: Observer,
  recipient: SafekeeperId,
  others: readonly SafekeeperId[],
  signal: AbortSignal,
): Promise<Observation> {
  const strays = new Map<SafekeeperId, string>();
  const read = (id: SafekeeperId) => readIdentified(observer, id, strays, signal);
  const target = await read(recipient);
  const rest = await Promise.all(others.map(read));
  const reads = await readAgain(toObservation([target, ...rest]), read);
  return toObservation(
    [...reads.values()].map((reading) => {
      const problem = strays.get(reading.id);
      return problem === undefined ? reading : { ...reading, answer: { kind: 'Unknown', problem } };
    }),
  );
}

/** Who was only read too early to know as much as its peers gets one more chance before it is judged. */
async function readAgain(observation: Observation, read: (id: SafekeeperId) => Promise<Reading>): Promise<Observation> {
  const early = readTooEarly(observation);
  if (early.length === 0) return observation;
  return toObservation([...observation.values(), ...(await Promise.all(early.map(read)))]);
}

/** `strays` collects ids that answered at an address which is not theirs. */
async function readIdentified(
  observer: Observer,
  id: SafekeeperId,
  strays: Map<SafekeeperId, string>,
  signal: AbortSignal,
): Promise<Reading> {
  const startedMs = observer.clock.monotonicMs();
  const unread = (answer: Answer): Reading => ({ id, startedMs, finishedMs: observer.clock.monotonicMs(), answer });
  const safekeeper = observer.cluster.safekeepers.get(id);
  if (safekeeper === undefined) return await readReplica(observer, id, signal);
  try {
    const node = await safekeeper.client.nodeStatus(signal);
    if (node.id === id) return await readReplica(observer, id, signal);
    const problem = `${safekeeper.url} answers with id ${node.id}`;
    strays.set(node.id, problem);
    return unread({ kind: 'Unknown', problem });
  } catch (error) {
    signal.throwIfAborted();
    return unread({ kind: 'Unreachable', problem: describeError(error) });
  }
}

/** Reads one replica. Never throws but for the signal: whatever goes wrong is an answer that says nothing. */
async function readReplica(observer: Observer, id: SafekeeperId, signal: AbortSignal): Promise<Reading> {
  const startedMs = observer.clock.monotonicMs();
  const answer = await ask(observer, id, signal);
  return { id, startedMs, finishedMs: observer.clock.monotonicMs(), answer };
}

function believeAgain(tracking: Observer['tracking'], id: SafekeeperId): void {
  if (!tracking.notLoadedUntilMs.has(id)) return;
  tracking.notLoadedUntilMs = new Map([...tracking.notLoadedUntilMs].filter(([other]) => other !== id));
}

async function ask(observer: Observer, id: SafekeeperId, signal: AbortSignal): Promise<Answer> {
  const { cluster, timeline, tracking, clock } = observer;
  const safekeeper = cluster.safekeepers.get(id);
  if (safekeeper === undefined) return { kind: 'Unknown', problem: 'it is not among the safekeepers of the cluster' };
  const view = cluster.inventory.views.get(id);
  if (view?.state.kind === 'IdConflict') return { kind: 'Unknown', problem: view.state.problem };
  const answer = await safekeeper.client.timelineStatus(timeline, signal);
  signal.throwIfAborted();
  switch (answer.kind) {
    case 'Status':
      believeAgain(tracking, id);
      return { kind: 'Status', status: toReplicaStatus(answer.status) };
    case 'NotFound':
      return { kind: (tracking.notLoadedUntilMs.get(id) ?? 0) > clock.monotonicMs() ? 'NotLoaded' : 'NotFound' };
    case 'Deleted':
      return { kind: 'Deleted' };
    case 'Unreachable':
      // It may come back with another disk, or with that directory out of the way.
      believeAgain(tracking, id);
      return answer;
    case 'Unknown':
      return answer;
    default:
      return assertNever(answer);
  }
}

/** The part of a status that recovery is decided on. */
function toReplicaStatus(status: TimelineStatus): ReplicaStatus {
  const { walSegmentSize } = status.server;
  const range = snapshotSegmentRange({ ...status, walSegmentSize });
  const snapshotSizeBytes = range === undefined ? 0n : segmentCount(range) * BigInt(walSegmentSize);
  const streaming = status.walreceivers.some((walreceiver) => walreceiver.status === 'Streaming');
  return {
    lastLogTerm: status.lastLogTerm,
    flushLsn: status.flushLsn,
    term: status.term,
    commitLsn: status.commitLsn,
    membership: status.membership,
    peerHorizonLsn: status.peerHorizonLsn,
    compute: streaming ? 'Streaming' : status.walreceivers.length > 0 ? 'Connected' : 'None',
    walSegmentSize,
    horizonLsn: minLsn(status.remoteConsistentLsn, status.backupLsn),
    // Positions are whatever a remote sends.
    timelineStartLsn: status.timelineStartLsn,
    snapshotSizeBytes: Math.min(Number(snapshotSizeBytes), Number.MAX_SAFE_INTEGER),
  };
}

function toObservation(readings: readonly Reading[]): Observation {
  return new Map(readings.map((reading) => [reading.id, reading]));
}
