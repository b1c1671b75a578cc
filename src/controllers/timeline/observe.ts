import { assertNever } from '../../base/assert.ts';
import type { Clock } from '../../base/clock.ts';
import type { SafekeeperId, TenantTimelineId } from '../../domain/ids.ts';
import type { Answer, Observation } from '../../domain/observation.ts';
import * as recovery from '../../recovery/read-replicas.ts';
import { toReplicaStatus } from '../../recovery/replica-status.ts';
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
  return await recovery.readReplicas(sourceOf(observer), ids, signal);
}

/** The reads of rule R11, in their order. */
export async function readInOrder(
  observer: Observer,
  recipient: SafekeeperId,
  others: readonly SafekeeperId[],
  signal: AbortSignal,
): Promise<Observation> {
  return await recovery.readInOrder(sourceOf(observer), recipient, others, signal);
}

function sourceOf(observer: Observer): recovery.ReplicaSource {
  return {
    clock: observer.clock,
    ask: (id, signal) => ask(observer, id, signal),
    identify: async (id, signal) => {
      const safekeeper = observer.cluster.safekeepers.get(id);
      if (safekeeper === undefined) return undefined;
      const node = await safekeeper.identity.get(signal);
      return { id: node.id, url: safekeeper.url };
    },
  };
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
