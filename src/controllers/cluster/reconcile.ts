import type { ClusterSpec } from '../../api/cluster-spec.ts';
import type { SafekeeperClusterStatus } from '../../api/cluster-status.ts';
import { parseClusterSpec } from '../../api/parse.ts';
import { describePause, readPause } from '../../api/pause.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { ResourceProblem } from '../../domain/conditions.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import { stormBrake } from '../../domain/storm-brake.ts';
import type { OpenHttp } from '../../http/renewable-client.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { ReconcileResult } from '../../kube/controller.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { keyOf, type ObjectKey } from '../../kube/object.ts';
import type { Priority } from '../../kube/queue.ts';
import type { StatusWriter } from '../../kube/status-writer.ts';
import type { Store } from '../../kube/store.ts';
import { ClusterConnection } from './cluster-connection.ts';
import { type ClusterRegistry, ClusterRuntime } from './cluster-runtime.ts';
import { createTimelines, type CreateTimelinesOptions, dropKept } from './create-timelines.ts';
import { disagrees } from './disagreement.ts';
import { foundBefore, PodSearch } from './discover.ts';
import { compareInventories, type Inventory, scanCluster, stillLost } from './inventory.ts';
import { buildClusterStatus, buildProblemStatus, clusterEvents, isClusterNews } from './status.ts';
import { trackUnlisted } from './timelines.ts';

export interface ClusterReconcilerOptions extends CreateTimelinesOptions {
  readonly clusters: Pick<Store<SafekeeperCluster>, 'get'>;
  readonly registry: ClusterRegistry;
  readonly client: Pick<KubeClient, 'create' | 'delete' | 'get' | 'list'>;
  readonly statusWriter: Pick<StatusWriter<SafekeeperClusterStatus, SafekeeperCluster>, 'write'>;
  readonly events: Pick<EventRecorder, 'record'>;
  /** Every cluster has connections of its own. */
  readonly openHttp: OpenHttp;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** What keeps a cluster from being looked at is mended by somebody, who wants to see it go away. */
const PROBLEM_RECHECK_MS = 10_000;
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
      dropKept(key, this.options, () => true);
      return { kind: 'Done' };
    }
    const parsed = parseClusterSpec(object);
    const problem = parsed.ok ? contradiction(parsed.value) : parsed.error.message;
    if (!parsed.ok || problem !== undefined) {
      await this.refuse(object, 'InvalidSpec', problem ?? '', signal);
      return { kind: 'Done' };
    }
    const spec = parsed.value;
    const cluster = await this.connect(object, spec, signal);
    if (cluster === undefined) return { kind: 'RequeueAfter', delayMs: PROBLEM_RECHECK_MS };
    if (!(await this.discover(object, cluster, signal))) {
      // A cluster that nobody has seen yet has nobody else to close it.
      cluster.connection.close();
      return { kind: 'RequeueAfter', delayMs: PROBLEM_RECHECK_MS };
    }
    const before = cluster.paused;
    cluster.paused = describePause(readPause(spec.paused, object.metadata, clock.wallTimeMs()), 'cluster');
    await this.scan(cluster, signal);
    this.adopt(object, cluster, cluster.paused !== before);
    const isBacklogged = await createTimelines(object, cluster, this.options, signal);
    const timelines = this.options.timelines.byIndex('cluster', key);
    await cluster.pruner.prune(object, cluster, timelines, signal);
    const status = buildClusterStatus(object, cluster, timelines, clock.wallTimeMs());
    await this.report(object, status, signal);
    const isFirstLook = findCondition(status.conditions, 'Ready')?.status === 'Unknown';
    const { intervalMs } = spec.inventory;
    const isBusy = isFirstLook || isBacklogged;
    return { kind: 'RequeueAfter', delayMs: isBusy ? Math.min(intervalMs, FIRST_LOOK_RECHECK_MS) : intervalMs };
  };

  private async refuse(
    object: SafekeeperCluster,
    reason: ResourceProblem,
    message: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { registry, clock } = this.options;
    const key = keyOf(object);
    const before = registry.get(key);
    registry.set(key, { kind: 'Unusable', reason, message });
    const isNews = before?.kind !== 'Unusable' || before.reason !== reason || before.message !== message;
    if (isNews) this.wake(key, () => true, 'user');
    await this.report(object, buildProblemStatus(object, reason, message, clock.wallTimeMs()), signal);
  }

  /**
   * The cluster that is known, with the spec and the credentials of now; or a new one, which nobody else sees before
   * its first scan. Undefined, and said so, while there are no credentials to use.
   */
  private async connect(
    object: SafekeeperCluster,
    spec: ClusterSpec,
    signal: AbortSignal,
  ): Promise<ClusterRuntime | undefined> {
    const { registry, enqueueTimeline, client, clock, log, random } = this.options;
    const key = keyOf(object);
    const { uid } = object.metadata;
    const entry = registry.get(key);
    const known = entry?.kind === 'Usable' && entry.cluster.uid === uid ? entry.cluster : undefined;
    const connection = known?.connection ?? this.newConnection(object);
    const readiness = await connection.read(spec, signal);
    if (readiness.kind === 'Unusable') {
      await this.refuse(object, 'CredentialsInvalid', `${readiness.problem.message}.`, signal);
      return undefined;
    }
    // At once: neither must new credentials go to old addresses nor old ones to new addresses.
    connection.apply(spec, readiness.credentials);
    known?.update(spec);
    const dropTimeline = (timeline: SafekeeperTimeline) =>
      dropKept(key, this.options, (kept) => keyOf(kept) === keyOf(timeline));
    const onSlotFree = (timeline: ObjectKey) => enqueueTimeline(timeline, 'user');
    const cluster =
      known ??
      new ClusterRuntime({ key, uid, connection }, spec, { client, clock, log, random, onSlotFree, dropTimeline });
    cluster.credentialProblem = readiness.problem;
    return cluster;
  }

  /** Finds the safekeepers where the spec does not list them. False, and said so, when that cannot be done. */
  private async discover(object: SafekeeperCluster, cluster: ClusterRuntime, signal: AbortSignal): Promise<boolean> {
    const { client, clock, log } = this.options;
    const { source } = cluster.spec;
    if (source.kind === 'static') return true;
    if (cluster.podSearch?.isFor(source.pods) !== true) {
      // Ids outlast a change of how pods are addressed, addresses do not.
      const known = [...cluster.safekeepers.keys()].map((id) => [id, undefined] as const);
      const before = cluster.podSearch === undefined ? foundBefore(object) : new Map(known);
      const http = cluster.connection.safekeepers;
      cluster.podSearch = new PodSearch(source.pods, before, { client, http, clock, log });
    }
    const isEmpty = (id: SafekeeperId) => cluster.inventory.views.get(id)?.timelines?.size === 0;
    const found = await cluster.podSearch.look(object, isEmpty, signal);
    if (found.kind === 'Problem') {
      await this.refuse(object, 'InvalidSpec', `${found.message}.`, signal);
      return false;
    }
    cluster.found(found.discovery);
    return true;
  }

  private newConnection({ metadata }: SafekeeperCluster): ClusterConnection {
    const { client, openHttp, clock, log } = this.options;
    const { namespace, name } = metadata;
    return new ClusterConnection({ cluster: { namespace, name }, client, openHttp, clock, log });
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
    const [now] = await Promise.all([
      scanCluster(
        cluster.safekeepers.values(),
        cluster.discovery?.conflicts ?? new Map(),
        before,
        { names: cluster.names, clock },
        signal,
      ),
      cluster.ownership?.refresh([...cluster.safekeepers.keys()], signal),
    ]);
    cluster.inventory = now;
    const change = compareInventories(before, now);
    cluster.lost = stillLost(cluster.lost, change, now, clock.monotonicMs());
    cluster.unlistedSince = trackUnlisted(cluster.unlistedSince, now, cluster.ownership, clock.monotonicMs());
    const braked = cluster.brake !== undefined;
    cluster.brake = brakeOf(cluster, now);
    for (const [safekeeper, timelines] of change.lost) {
      if (timelines.length > 0)
        log.warn({ cluster: cluster.key, safekeeper, count: timelines.length }, 'Safekeeper lost timelines');
    }
    // A list that lost anything may hide more: every timeline of that safekeeper is looked at, the known losses first.
    this.wake(cluster.key, (timeline) => disagrees(timeline, now), 'user');
    for (const [id, timelines] of change.lost) {
      if (timelines.length > 0) cluster.sweep.hurry(before.views.get(id)?.timelines?.keys() ?? []);
    }
    const lostAnything = [...change.lost.values()].some((timelines) => timelines.length > 0);
    const brakeChanged = braked !== (cluster.brake !== undefined);
    if (lostAnything || change.flipped.length > 0 || brakeChanged) this.wake(cluster.key, () => true, 'routine');
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
    timelineCount: inventory.known.size,
    lost,
    gracePeriodMs: spec.recovery.gracePeriodMs,
    maxUnavailable: spec.recovery.maxUnavailablePercent / 100,
    maxLost: spec.recovery.maxLostPercent / 100,
  });
}

/** Where fences are announced, timelines need objects. */
function contradiction({ inventory, recovery }: ClusterSpec): string | undefined {
  return inventory.timelines === 'None' && recovery.fencing === 'Always'
    ? "spec.recovery.fencing must not be Always with spec.inventory.timelines None: a fence is announced in the status of the timeline's object."
    : undefined;
}
