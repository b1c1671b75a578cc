import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { untilAborted } from '../../base/deadline.ts';
import { describeError } from '../../base/failure.ts';
import type { AccessSource } from '../../kube/kube-access.ts';
import type { Selection } from '../../kube/kube-client.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { Runtime } from '../../kube/runtime.ts';
import type { Change } from '../../kube/store.ts';
import { explained } from '../objects.ts';
import type { TargetKind } from '../targets.ts';
import { ObservedKubeClient } from './observed-client.ts';
import type { Overview } from './overview.ts';
import { findNamed, overviewOf } from './read-overview.ts';
import {
  clusterKeyOf,
  clustersFollow,
  includesCluster,
  includesTimeline,
  type Scope,
  selectionOf,
  wants,
} from './scope.ts';
import { slimCluster, slimTimeline } from './slim.ts';
import { WorstOf } from './worst.ts';

export type LiveChange = Change<SafekeeperTimeline> | Change<SafekeeperCluster>;

/** Since when, and why, nothing can be heard of the API server. */
export interface Outage {
  readonly sinceMs: number;
  readonly message: string;
}

/** What is asked for, kept up to date for as long as it runs, whatever happens to the API server meanwhile. */
export class LiveStore implements AsyncDisposable {
  private readonly client: ObservedKubeClient;
  private readonly runtime: Runtime;
  private readonly scope: Scope;
  private readonly timelines: Reflector<SafekeeperTimeline>;
  private readonly clusters: Reflector<SafekeeperCluster>;
  private readonly ended = new AbortController();
  private running: readonly Promise<void>[] = [];
  private broken: Outage | undefined;
  private onFirstFailure: (error: unknown) => void = () => undefined;

  constructor(access: AccessSource, runtime: Runtime, scope: Scope) {
    this.runtime = runtime;
    this.scope = scope;
    this.client = new ObservedKubeClient(access, runtime, (error) => this.onAnswer(error));
    const { client } = this;
    const common = { client, runtime };
    this.timelines = new Reflector<SafekeeperTimeline>({
      ...common,
      type: TIMELINE_RESOURCE,
      selection: this.selection('timeline'),
      transform: slimTimeline,
    });
    this.clusters = new Reflector<SafekeeperCluster>({
      ...common,
      type: CLUSTER_RESOURCE,
      selection: this.selection('cluster'),
      transform: slimCluster,
    });
  }

  /** Resolves when everything was read once. Throws what keeps it from being read, and a Failure `NotFound`. */
  async start(commands: readonly string[], signal: AbortSignal): Promise<void> {
    await findNamed(this.client, this.scope, commands, signal);
    const failed = new Promise<never>((_resolve, reject) => {
      this.onFirstFailure = (error) => reject(explained(error));
    });
    const wanted = [
      ...(wants(this.scope, 'timeline') ? [this.timelines] : []),
      ...(wants(this.scope, 'cluster') ? [this.clusters] : []),
    ];
    this.running = wanted.map((reflector) => reflector.run(this.ended.signal));
    const synced = Promise.all(wanted.map((reflector) => reflector.store.waitForSync()));
    await untilAborted(Promise.race([synced, failed]), signal);
    this.onFirstFailure = () => undefined;
  }

  /** Undefined while the API server answers. */
  outage(): Outage | undefined {
    return this.broken;
  }

  /** The worst `limit` of each kind. */
  overview(limit: number): Overview {
    const timelines = new WorstOf<SafekeeperTimeline>(limit);
    const clusterKeys = new Set<string>();
    for (const timeline of this.timelines.store.values()) {
      if (!includesTimeline(this.scope, timeline)) continue;
      timelines.add(timeline);
      if (clustersFollow(this.scope)) clusterKeys.add(clusterKeyOf(timeline));
    }
    const clusters = new WorstOf<SafekeeperCluster>(limit);
    for (const cluster of this.clusters.store.values()) {
      if (includesCluster(this.scope, cluster, clusterKeys)) clusters.add(cluster);
    }
    return overviewOf(clusters, timelines);
  }

  /** Tells of every change from now on of what was asked for. */
  subscribe(onChange: (change: LiveChange) => void): Disposable {
    let isReplay = true;
    const timelines = this.timelines.store.subscribe((change) => {
      if (!isReplay && includesTimeline(this.scope, change.object)) onChange(change);
    });
    const clusters = this.clusters.store.subscribe((change) => {
      if (!isReplay && includesCluster(this.scope, change.object, new Set())) onChange(change);
    });
    isReplay = false;
    return {
      [Symbol.dispose]: () => {
        timelines[Symbol.dispose]();
        clusters[Symbol.dispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.ended.abort();
    await Promise.all(this.running);
    await this.client[Symbol.asyncDispose]();
  }

  private onAnswer(error: unknown): void {
    if (this.ended.signal.aborted) return;
    if (error === undefined) {
      this.broken = undefined;
      return;
    }
    this.onFirstFailure(error);
    const sinceMs = this.broken?.sinceMs ?? this.runtime.clock.wallTimeMs();
    this.broken = { sinceMs, message: describeError(error) };
  }

  /** A single name is looked for by the server; several, and the timelines of a cluster, are picked out here. */
  private selection(kind: TargetKind): Selection {
    const selection = selectionOf(this.scope, kind);
    const [target, another] = this.scope.targets.named;
    if (target === undefined || another !== undefined) return selection;
    const isItself = kind === 'cluster' || target.kind === 'timeline';
    return isItself ? { ...selection, fieldSelector: `metadata.name=${target.name}` } : selection;
  }
}
