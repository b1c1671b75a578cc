import { CLUSTER_RESOURCE } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { getOrNothing } from '../objects.ts';
import { printable } from '../../base/printable.ts';

/** Why a recovery that was decided on does not start yet, for people. */
export async function obstacles(
  client: KubeClient,
  timeline: SafekeeperTimeline,
  signal: AbortSignal,
): Promise<string[]> {
  const cluster = await clusterOf(client, timeline, signal);
  const stalled = findCondition(cluster?.status?.conditions, 'Stalled');
  return [
    ...(findCondition(timeline.status?.conditions, 'Paused')?.status === 'True'
      ? ['Recovery is paused: it runs once that is over.']
      : []),
    ...(stalled?.status === 'True' && stalled.reason === 'StormBrake'
      ? [`The cluster starts no recovery at present. ${printable(stalled.message)}`]
      : []),
  ];
}

/** Undefined where there is none, and for those who may not read clusters. */
export async function clusterOf(
  client: KubeClient,
  { metadata, spec }: SafekeeperTimeline,
  signal: AbortSignal,
): Promise<SafekeeperCluster | undefined> {
  const at = { namespace: metadata.namespace, name: spec.clusterRef.name };
  try {
    return await getOrNothing<SafekeeperCluster>(client, CLUSTER_RESOURCE, at, signal);
  } catch (error) {
    if (isApiError(error, 'Forbidden')) return undefined;
    throw error;
  }
}
