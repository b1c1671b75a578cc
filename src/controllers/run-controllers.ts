import type { SafekeeperClusterStatus } from '../api/cluster-status.ts';
import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../api/resources.ts';
import type { SafekeeperTimelineStatus } from '../api/timeline-status.ts';
import type { OpenHttp } from '../http/renewable-client.ts';
import { findCondition } from '../kube/conditions.ts';
import { Controller } from '../kube/controller.ts';
import type { EventRecorder } from '../kube/events.ts';
import type { KubeClient } from '../kube/kube-client.ts';
import { keyOf, type ObjectKey, objectKey } from '../kube/object.ts';
import { Reflector } from '../kube/reflector.ts';
import type { Runtime } from '../kube/runtime.ts';
import { intentChanged, type Source, watches } from '../kube/source.ts';
import { StatusWriter } from '../kube/status-writer.ts';
import type { Registry } from '../observability/metrics.ts';
import { createOperatorMetrics, type ObservedResource } from '../observability/operator-metrics.ts';
import { ClusterRegistry } from './cluster/cluster-runtime.ts';
import { ClusterReconciler } from './cluster/reconcile.ts';
import { stillHolds } from './still-holds.ts';
import { isKept, type TimelineIndex, TimelineObjects } from './timeline-objects.ts';
import { isTroubled } from './timeline/glance.ts';
import { TimelineReconciler } from './timeline/reconcile.ts';
import { timelineIdentity } from './timeline/resource.ts';

export interface RunControllersOptions {
  readonly client: KubeClient;
  readonly events: EventRecorder;
  readonly runtime: Runtime;
  /** Makes the connections to safekeepers. */
  readonly openHttp: OpenHttp;
  /** Where the controllers' own metrics are registered; one of its own for each run. */
  readonly registry: Registry;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  /** Whether nobody else can be leading. */
  readonly isLeading: () => boolean;
  /** Told once both caches are filled. */
  readonly onSynced?: () => void;
}

const CLUSTER_WORKERS = 4;
const TIMELINE_WORKERS = 32;
const CLUSTER_RECONCILE_TIMEOUT_MS = 120_000;
const TIMELINE_RECONCILE_TIMEOUT_MS = 180_000;
/** However long the API server was away, everything is looked at again soon after it is back. */
const RETRY_DELAY_MAX_MS = 30_000;

/**
 * Runs both controllers until `drain` (an orderly stop) or `signal` (leadership is lost) is aborted. Recoveries under
 * way end with either: whoever leads next plans them again.
 */
export async function runControllers(
  options: RunControllersOptions,
  drain: AbortSignal,
  signal: AbortSignal,
): Promise<void> {
  const { client, runtime, events, openHttp } = options;
  const selection = options.namespace === undefined ? {} : { namespace: options.namespace };
  const clusters = new Reflector<SafekeeperCluster, never>({ client, runtime, type: CLUSTER_RESOURCE, selection });
  const indexes = {
    identity: timelineIdentity,
    cluster: (timeline: SafekeeperTimeline) => [clusterKeyOf(timeline)],
  };
  const timelines = new Reflector<SafekeeperTimeline, TimelineIndex>({
    client,
    runtime,
    type: TIMELINE_RESOURCE,
    selection,
    indexes,
  });
  const objects = new TimelineObjects(timelines.store, indexes);
  await using registry = new ClusterRegistry();
  const metrics = createOperatorMetrics(options.registry, {
    timelines: () =>
      map(objects.values(timelines.store.values()), (object) => observed(object, object.spec.clusterRef.name)),
    clusters: () => map(clusters.store.values(), (object) => observed(object, object.metadata.name)),
    runningRecoveries: () => timelineReconciler.runningCount,
  });
  const stop = AbortSignal.any([drain, signal]);
  const shared = { events, clock: runtime.clock, log: runtime.log };

  /** Whichever objects stand for the same timeline: one of them has to give way to the oldest. */
  const withSiblings = (timeline: SafekeeperTimeline) => {
    const siblings = timelineIdentity(timeline).flatMap((identity) => [
      ...timelines.store.byIndex('identity', identity),
      ...objects.keptUnder('identity', identity),
    ]);
    return [timeline, ...siblings].map(keyOf);
  };
  const timelineReconciler: TimelineReconciler = new TimelineReconciler({
    ...shared,
    metrics,
    events: {
      // What has no object of its own is told by its cluster.
      record: (about, note) => {
        const timeline = about as SafekeeperTimeline;
        if (!isKept(timeline)) return events.record(about, note);
        const cluster = clusters.store.get(clusterKeyOf(timeline));
        const { tenantId, timelineId } = timeline.spec;
        if (cluster === undefined) return;
        events.record(cluster, { ...note, message: `Timeline ${tenantId}/${timelineId}: ${note.message}` });
      },
    },
    timelines: objects,
    clusterExists: (key) => clusters.store.get(key) !== undefined,
    clusters: registry,
    statusWriter: objects.writer(
      new StatusWriter<SafekeeperTimelineStatus, SafekeeperTimeline>({
        client,
        type: TIMELINE_RESOURCE,
        reflector: timelines,
        fieldManager: 'safekeeper-operator-timeline',
        stillHolds,
      }),
    ),
    random: runtime.random,
    isLeading: options.isLeading,
    read: objects.reader(({ metadata }, stopped) => client.get(TIMELINE_RESOURCE, metadata, stopped)),
    enqueue: (key) => timelineController.enqueue(key, 'user'),
    signal: stop,
  });
  const clusterReconciler = new ClusterReconciler({
    ...shared,
    clusters: clusters.store,
    timelines: objects,
    registry,
    client,
    statusWriter: new StatusWriter<SafekeeperClusterStatus, SafekeeperCluster>({
      client,
      type: CLUSTER_RESOURCE,
      reflector: clusters,
      fieldManager: 'safekeeper-operator-cluster',
      stillHolds,
    }),
    openHttp,
    random: runtime.random,
    isTroubled: (cluster, timeline, stopped) => isTroubled(cluster, timeline, runtime.clock, stopped),
    enqueueTimeline: (key, priority) => timelineController.enqueue(key, priority),
  });
  const timelineController: Controller = new Controller({
    name: 'timeline',
    runtime,
    // A cluster that is not listed yet must not look like one that does not exist.
    sources: [watches(timelines, withSiblings, { when: intentChanged }), onlySynced(clusters)],
    reconcile: timelineReconciler.reconcile,
    retryDelayMaxMs: RETRY_DELAY_MAX_MS,
    workerCount: TIMELINE_WORKERS,
    reconcileTimeoutMs: TIMELINE_RECONCILE_TIMEOUT_MS,
  });
  const clusterController = new Controller({
    name: 'cluster',
    runtime,
    // A cluster's first visit wakes its timelines, so theirs must be listed by then.
    sources: [watches(clusters, (cluster) => [keyOf(cluster)], { when: intentChanged }), onlySynced(timelines)],
    reconcile: clusterReconciler.reconcile,
    retryDelayMaxMs: RETRY_DELAY_MAX_MS,
    workerCount: CLUSTER_WORKERS,
    reconcileTimeoutMs: CLUSTER_RECONCILE_TIMEOUT_MS,
  });
  const synced = Promise.all([clusters.store.waitForSync(), timelines.store.waitForSync()]);
  void synced.then(() => options.onSynced?.());
  await Promise.all([
    clusters.run(stop),
    timelines.run(stop),
    clusterController.run(drain, signal),
    timelineController.run(drain, signal),
  ]);
  await timelineReconciler.settled();
}

function clusterKeyOf({ metadata, spec }: SafekeeperTimeline): ObjectKey {
  return objectKey({ namespace: metadata.namespace, name: spec.clusterRef.name });
}

function observed({ metadata, status }: SafekeeperTimeline | SafekeeperCluster, cluster: string): ObservedResource {
  const stalled = findCondition(status?.conditions, 'Stalled');
  return {
    namespace: metadata.namespace,
    cluster,
    ready: findCondition(status?.conditions, 'Ready')?.reason ?? '',
    stalled: stalled?.status === 'True' ? stalled.reason : undefined,
  };
}

function* map<From, To>(items: Iterable<From>, to: (item: From) => To): Generator<To> {
  for (const item of items) yield to(item);
}

/** Has a controller wait for a cache that it reads, without being told of its changes. */
function onlySynced({ store }: { readonly store: Pick<Source, 'hasSynced' | 'waitForSync'> }): Source {
  return {
    hasSynced: () => store.hasSynced(),
    waitForSync: () => store.waitForSync(),
    start: () => ({ [Symbol.dispose]: () => undefined }),
  };
}
