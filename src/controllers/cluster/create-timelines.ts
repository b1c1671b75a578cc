import { TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { describeError } from '../../base/failure.ts';
import type { Logger } from '../../base/log.ts';
import type { TenantTimelineId } from '../../domain/ids.ts';
import { isApiError } from '../../kube/api-error.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { keyOf, type ObjectKey } from '../../kube/object.ts';
import type { Priority } from '../../kube/queue.ts';
import type { TimelineObjects } from '../timeline-objects.ts';
import type { ClusterRuntime } from './cluster-runtime.ts';
import { clusterTimelineIdentity, timelineObject, timelinesToCreate } from './timelines.ts';

export interface CreateTimelinesOptions {
  readonly timelines: Pick<TimelineObjects, 'byIndex' | 'keptUnder' | 'keep' | 'drop'>;
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Whether a timeline that has no object should get one. Throws only for the signal. */
  readonly isTroubled: (cluster: ClusterRuntime, timeline: TenantTimelineId, signal: AbortSignal) => Promise<boolean>;
  readonly enqueueTimeline: (key: ObjectKey, priority: Priority) => void;
}

const CONCURRENCY = 8;
const COUNT_MAX = 1_000;

/**
 * Makes objects for timelines that deserve one by the last scan; unless all have one, also for those whose trouble no list
 * shows, as the sweep finds them. With `None` they are kept in memory for as long as they are in trouble. True when
 * more are waiting than one visit may make.
 */
export async function createTimelines(
  object: SafekeeperCluster,
  cluster: ClusterRuntime,
  options: CreateTimelinesOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { timelines, clock } = options;
  const { namespace, name } = object.metadata;
  const { inventory, recovery } = cluster.spec;
  const mode = inventory.timelines;
  dropKept(cluster.key, options, (timeline) => mode !== 'None' || isHealed(timeline));
  const hasObject = (id: TenantTimelineId) =>
    timelines.byIndex('identity', clusterTimelineIdentity(namespace, name, id)).length > 0;
  const settings = { mode, gracePeriodMs: recovery.gracePeriodMs, nowMs: clock.monotonicMs() };
  const wanted = timelinesToCreate(cluster, settings, hasObject, COUNT_MAX);
  const take = async (ids: readonly TenantTimelineId[]) => {
    if (mode === 'None') keepAll(object, ids, options);
    else await createAll(object, ids, options, signal);
  };
  await take(wanted);
  if (mode !== 'All') {
    const made = new Set(wanted);
    await take(await sweep(cluster, (id) => made.has(id) || hasObject(id), options, signal));
  }
  return wanted.length === COUNT_MAX;
}

/** Drops timelines that are kept in memory, and has whatever goes on for them ended. */
export function dropKept(
  cluster: ObjectKey,
  { timelines, enqueueTimeline }: Pick<CreateTimelinesOptions, 'timelines' | 'enqueueTimeline'>,
  isUnwanted: (timeline: SafekeeperTimeline) => boolean,
): void {
  for (const timeline of timelines.keptUnder('cluster', cluster)) {
    if (!isUnwanted(timeline)) continue;
    timelines.drop(timeline);
    enqueueTimeline(keyOf(timeline), 'user');
  }
}

function isHealed({ status }: SafekeeperTimeline): boolean {
  return findCondition(status?.conditions, 'Ready')?.status === 'True';
}

function keepAll(
  object: SafekeeperCluster,
  ids: readonly TenantTimelineId[],
  { timelines, enqueueTimeline }: CreateTimelinesOptions,
): void {
  for (const id of ids) {
    const timeline = timelineObject(object, id);
    if (!timelines.keep(timeline)) return;
    enqueueTimeline(keyOf(timeline), 'user');
  }
}

/** Timelines without an object that are in trouble, of those whose turn it is. The next scan must not wait for it. */
async function sweep(
  cluster: ClusterRuntime,
  hasObject: (id: TenantTimelineId) => boolean,
  { isTroubled, clock }: CreateTimelinesOptions,
  signal: AbortSignal,
): Promise<TenantTimelineId[]> {
  const { intervalMs, verifyIntervalMs } = cluster.spec.inventory;
  return await cluster.sweep.turn({
    known: cluster.inventory.known,
    hasObject,
    verifyIntervalMs,
    untilMs: clock.monotonicMs() + intervalMs / 2,
    isTroubled: (timeline) => isTroubled(cluster, timeline, signal),
  });
}

async function createAll(
  object: SafekeeperCluster,
  ids: readonly TenantTimelineId[],
  { client, log }: CreateTimelinesOptions,
  signal: AbortSignal,
): Promise<void> {
  if (ids.length === 0) return;
  const cluster = `${object.metadata.namespace}/${object.metadata.name}`;
  log.info({ cluster, count: ids.length }, 'Timelines found');
  const create = async (id: TenantTimelineId) => {
    try {
      await client.create(TIMELINE_RESOURCE, timelineObject(object, id), signal);
    } catch (error) {
      if (!isApiError(error, 'AlreadyExists')) throw error;
    }
  };
  // The next scan finds them again; until then everything else goes on.
  await mapBounded(ids, CONCURRENCY, create).catch((error: unknown) => {
    signal.throwIfAborted();
    log.warn({ cluster, error: describeError(error) }, 'Timeline objects not created');
  });
}
