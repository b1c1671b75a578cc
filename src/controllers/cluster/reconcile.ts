import type { ClusterSpec } from '../../api/cluster-spec.ts';
import type { SafekeeperClusterStatus } from '../../api/cluster-status.ts';
import { TIMELINE_RESOURCE } from '../../api/names.ts';
import { parseClusterSpec } from '../../api/parse.ts';
import { describePause, readPause } from '../../api/pause.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { unsupportedFields } from '../../api/unsupported.ts';
import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { describeError } from '../../base/failure.ts';
import type { Logger } from '../../base/log.ts';
import type { TenantTimelineId } from '../../domain/ids.ts';
import { stormBrake } from '../../domain/storm-brake.ts';
import type { HttpClient } from '../../http/client.ts';
import { isApiError } from '../../kube/api-error.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { ReconcileResult } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { keyOf, type ObjectKey } from '../../kube/object.ts';
import type { Priority } from '../../kube/queue.ts';
import type { StatusWriter } from '../../kube/status-writer.ts';
import type { Store } from '../../kube/store.ts';
import { type ClusterRegistry, ClusterRuntime } from './cluster-runtime.ts';
import { disagrees } from './disagreement.ts';
import { compareInventories, type Inventory, knownTimelines, scanCluster, stillLost } from './inventory.ts';
import { buildClusterStatus, buildProblemStatus, clusterEvents, isClusterNews } from './status.ts';
import { clusterTimelineIdentity, timelineObject, timelinesToCreate } from './timelines.ts';

export interface ClusterReconcilerOptions {
  readonly clusters: Pick<Store<SafekeeperCluster>, 'get'>;
  readonly timelines: Pick<Store<SafekeeperTimeline, 'identity' | 'cluster'>, 'byIndex'>;
  readonly registry: ClusterRegistry;
  readonly client: Pick<KubeClient, 'create'>;
  readonly statusWriter: Pick<StatusWriter<SafekeeperClusterStatus, SafekeeperCluster>, 'write'>;
  readonly events: Pick<EventRecorder, 'record'>;
  /** For all safekeepers. */
  readonly http: HttpClient;
  readonly clock: Clock;
  readonly log: Logger;
  readonly enqueueTimeline: (key: ObjectKey, priority: Priority) => void;
}

const CREATE_CONCURRENCY = 8;
const CREATE_COUNT_MAX = 1_000;
/** While timelines wait for their first look the sum changes fast. */
const FIRST_LOOK_RECHECK_MS = 2_000;

/** Looks after SafekeeperClusters: scan, wake the timelines that need a look, make objects for new ones, sum up. */
export class ClusterReconciler {
  private readonly options: ClusterReconcilerOptions;

  constructor(options: ClusterReconcilerOptions) {
    this.options = options;
  }

  readonly reconcile = async (key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> => {
    const { clusters, registry, clock } = this.options;
    const object = clusters.get(key);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      registry.delete(key);
      this.wake(key, () => true, 'user');
      return { kind: 'Done' };
    }
    const parsed = parseClusterSpec(object);
    const problem = parsed.ok ? unsupported(parsed.value) : parsed.error.message;
    if (!parsed.ok || problem !== undefined) return await this.refuse(object, problem ?? '', signal);
    const spec = parsed.value;
    const cluster = this.clusterOf(object, spec);
    const before = cluster.paused;
    cluster.paused = describePause(readPause(spec.paused, object.metadata, clock.wallTimeMs()), 'cluster');
    await this.scan(cluster, signal);
    this.adopt(object, cluster, cluster.paused !== before);
    await this.createObjects(object, cluster, signal);
    const timelines = this.options.timelines.byIndex('cluster', key);
    const status = buildClusterStatus(object, cluster, timelines, clock.wallTimeMs());
    await this.report(object, status, signal);
    const isFirstLook = findCondition(status.conditions, 'Ready')?.status === 'Unknown';
    const { intervalMs } = spec.inventory;
    return { kind: 'RequeueAfter', delayMs: isFirstLook ? Math.min(intervalMs, FIRST_LOOK_RECHECK_MS) : intervalMs };
  };

  private async refuse(object: SafekeeperCluster, message: string, signal: AbortSignal): Promise<ReconcileResult> {
    const { registry, clock } = this.options;
    registry.set(keyOf(object), { kind: 'Unusable', reason: 'InvalidSpec', message });
    this.wake(keyOf(object), () => true, 'user');
    await this.report(object, buildProblemStatus(object, 'InvalidSpec', message, clock.wallTimeMs()), signal);
    return { kind: 'Done' };
  }

  /** The one that is known, with the spec of now; or a new one, which nobody else sees before its first scan. */
  private clusterOf(object: SafekeeperCluster, spec: ClusterSpec): ClusterRuntime {
    const { registry, http, enqueueTimeline } = this.options;
    const key = keyOf(object);
    const { uid } = object.metadata;
    const entry = registry.get(key);
    if (entry?.kind !== 'Usable' || entry.cluster.uid !== uid) {
      return new ClusterRuntime({ key, uid }, spec, http, (timeline) => enqueueTimeline(timeline, 'user'));
    }
    entry.cluster.update(spec);
    return entry.cluster;
  }

  /** Shows the cluster to its timelines, and has all of them looked at when what holds for them has changed. */
  private adopt(object: SafekeeperCluster, cluster: ClusterRuntime, pauseChanged: boolean): void {
    const { registry } = this.options;
    const { generation } = object.metadata;
    const entry = registry.get(cluster.key);
    const isKnown = entry?.kind === 'Usable' && entry.cluster === cluster && cluster.generation === generation;
    cluster.generation = generation;
    registry.set(cluster.key, { kind: 'Usable', cluster });
    if (!isKnown || pauseChanged) this.wake(cluster.key, () => true, 'routine');
  }

  /** Reads the lists and wakes the timelines whose replicas came, went or cannot be seen any more. */
  private async scan(cluster: ClusterRuntime, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.options;
    const before = cluster.inventory;
    const now = await scanCluster(cluster.safekeepers.values(), before, clock, signal);
    cluster.inventory = now;
    const change = compareInventories(before, now);
    cluster.lost = stillLost(cluster.lost, change, now, clock.monotonicMs());
    const braked = cluster.brake !== undefined;
    cluster.brake = brakeOf(cluster, now);
    for (const [safekeeper, timelines] of change.lost) {
      if (timelines.length > 0)
        log.warn({ cluster: cluster.key, safekeeper, count: timelines.length }, 'Safekeeper lost timelines');
    }
    // A list that lost anything may hide more: every timeline of that safekeeper is looked at, the known losses first.
    this.wake(cluster.key, (timeline) => disagrees(timeline, now), 'user');
    const lostAnything = [...change.lost.values()].some((timelines) => timelines.length > 0);
    const brakeChanged = braked !== (cluster.brake !== undefined);
    if (lostAnything || change.flipped.length > 0 || brakeChanged) this.wake(cluster.key, () => true, 'routine');
  }

  private async createObjects(object: SafekeeperCluster, cluster: ClusterRuntime, signal: AbortSignal): Promise<void> {
    const { timelines, client, log } = this.options;
    const { namespace, name } = object.metadata;
    const hasObject = (id: TenantTimelineId) =>
      timelines.byIndex('identity', clusterTimelineIdentity(namespace, name, id)).length > 0;
    const wanted = timelinesToCreate(cluster.inventory, cluster.spec.inventory.timelines, hasObject, CREATE_COUNT_MAX);
    if (wanted.length === 0) return;
    log.info({ cluster: cluster.key, count: wanted.length }, 'Timelines found');
    const create = async (id: TenantTimelineId) => {
      try {
        await client.create(TIMELINE_RESOURCE, timelineObject(object, id), signal);
      } catch (error) {
        if (!isApiError(error, 'AlreadyExists')) throw error;
      }
    };
    // The next scan finds them again; until then everything else goes on.
    await mapBounded(wanted, CREATE_CONCURRENCY, create).catch((error: unknown) => {
      signal.throwIfAborted();
      log.warn({ cluster: cluster.key, error: describeError(error) }, 'Timeline objects not created');
    });
  }

  /** Asks for a visit of the cluster's timelines that fit. */
  private wake(key: ObjectKey, fits: (timeline: SafekeeperTimeline) => boolean, priority: Priority): void {
    for (const timeline of this.options.timelines.byIndex('cluster', key)) {
      if (fits(timeline)) this.options.enqueueTimeline(keyOf(timeline), priority);
    }
  }

  private async report(object: SafekeeperCluster, status: SafekeeperClusterStatus, signal: AbortSignal): Promise<void> {
    const { statusWriter, events, log } = this.options;
    const before = object.status ?? {};
    if (!isClusterNews(before, status)) return;
    await statusWriter.write(object, status, signal);
    for (const event of clusterEvents(before, status)) {
      events.record(object, event);
      log.info({ cluster: keyOf(object), reason: event.reason, detail: event.message }, 'Cluster changed');
    }
  }
}

function brakeOf({ spec, lost }: ClusterRuntime, inventory: Inventory): string | undefined {
  const views = [...inventory.views.values()];
  return stormBrake({
    safekeeperCount: views.length,
    unreachableCount: views.filter(({ state }) => state.kind === 'Unreachable').length,
    timelineCount: knownTimelines(inventory).size,
    lost,
    gracePeriodMs: spec.recovery.gracePeriodMs,
    maxUnavailable: spec.recovery.maxUnavailablePercent / 100,
    maxLost: spec.recovery.maxLostPercent / 100,
  });
}

function unsupported(spec: ClusterSpec): string | undefined {
  const fields = unsupportedFields(spec);
  return fields.length === 0
    ? undefined
    : `this version does not support ${fields.join(', ')}: use spec.safekeepers without them.`;
}
