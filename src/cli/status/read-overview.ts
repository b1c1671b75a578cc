import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { findObjects, type FoundObject, listObjects, notFound } from '../objects.ts';
import type { Overview } from './overview.ts';
import {
  clusterKeyOf,
  clustersFollow,
  includesCluster,
  includesTimeline,
  type Scope,
  selectionOf,
  wants,
} from './scope.ts';
import { WorstOf } from './worst.ts';

export interface ReadOptions {
  /** How many objects of each kind are kept; infinite for all. */
  readonly limit: number;
  /** What is kept of a timeline. */
  readonly transform: (timeline: SafekeeperTimeline) => SafekeeperTimeline;
  /** Commands that a name may have been meant to be. */
  readonly commands: readonly string[];
}

/** Reads what is asked for; memory is bounded by `limit`. A Failure `NotFound` for a name that nobody has. */
export async function readOverview(
  client: KubeClient,
  scope: Scope,
  options: ReadOptions,
  signal: AbortSignal,
): Promise<Overview> {
  const byName = await readNamed(client, scope, options, signal);
  if (byName !== undefined) return byName;
  let timelines = new WorstOf<SafekeeperTimeline>(options.limit);
  const clusterKeys = new Set<string>();
  if (wants(scope, 'timeline')) {
    const restart = () => {
      timelines = new WorstOf(options.limit);
      clusterKeys.clear();
    };
    const all = listObjects<SafekeeperTimeline>(
      client,
      TIMELINE_RESOURCE,
      selectionOf(scope, 'timeline'),
      signal,
      restart,
    );
    for await (const timeline of all) {
      if (!includesTimeline(scope, timeline)) continue;
      timelines.add(options.transform(timeline));
      if (clustersFollow(scope)) clusterKeys.add(clusterKeyOf(timeline));
    }
  }
  const clusters = await readClusters(client, scope, options.limit, clusterKeys, signal);
  return overviewOf(clusters, timelines);
}

async function readClusters(
  client: KubeClient,
  scope: Scope,
  limit: number,
  clusterKeys: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<WorstOf<SafekeeperCluster>> {
  let clusters = new WorstOf<SafekeeperCluster>(limit);
  if (!wants(scope, 'cluster')) return clusters;
  const restart = () => {
    clusters = new WorstOf(limit);
  };
  const all = listObjects<SafekeeperCluster>(client, CLUSTER_RESOURCE, selectionOf(scope, 'cluster'), signal, restart);
  for await (const cluster of all) if (includesCluster(scope, cluster, clusterKeys)) clusters.add(cluster);
  return clusters;
}

/** Timelines alone are fetched one by one; a cluster's have to be looked for. */
async function readNamed(
  client: KubeClient,
  scope: Scope,
  { limit, transform, commands }: ReadOptions,
  signal: AbortSignal,
): Promise<Overview | undefined> {
  if (scope.targets.named.length === 0) return undefined;
  const timelines = new WorstOf<SafekeeperTimeline>(limit);
  const found = await findNamed(client, scope, commands, signal);
  for (const each of found) {
    if (each.kind === 'cluster') return undefined;
    timelines.add(transform(each.object));
  }
  return overviewOf(new WorstOf<SafekeeperCluster>(limit), timelines);
}

/** Every object with one of the scope's names, each once; throws a Failure `NotFound` for the first name that none has. */
export async function findNamed(
  client: KubeClient,
  { namespace, targets }: Scope,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<FoundObject[]> {
  const byKey = new Map<string, FoundObject>();
  if (namespace === undefined) return [];
  for (const target of targets.named) {
    const found = await findObjects(client, namespace, target, signal);
    if (found.length === 0) throw await notFound(client, namespace, target, commands, signal);
    for (const each of found) byKey.set(`${each.kind}/${each.object.metadata.name}`, each);
  }
  return [...byKey.values()];
}

export function overviewOf(clusters: WorstOf<SafekeeperCluster>, timelines: WorstOf<SafekeeperTimeline>): Overview {
  return {
    clusters: clusters.worst(),
    clusterCounts: clusters.counts,
    timelines: timelines.worst(),
    timelineCounts: timelines.counts,
  };
}
