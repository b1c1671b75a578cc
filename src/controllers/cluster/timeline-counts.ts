import type { SafekeeperClusterStatus } from '../../api/cluster-status.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { Condition } from '../../domain/conditions.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { ClusterRuntime } from './cluster-runtime.ts';
import type { KnownTimeline } from './inventory.ts';
import { usualReplicaCount } from './timelines.ts';

/** How many timelines are in which state. */
export type TimelineCounts = NonNullable<SafekeeperClusterStatus['timelines']>;

/**
 * Timelines by their own conditions, and those without an object by what the lists show: where not every timeline is
 * to have one, a timeline that enough safekeepers list is redundant.
 */
export function countTimelines(
  { inventory, spec }: Pick<ClusterRuntime, 'inventory' | 'spec'>,
  timelines: readonly SafekeeperTimeline[],
): TimelineCounts {
  const withCondition = (type: Condition['type'], status: Condition['status']) =>
    timelines.filter((timeline) => findCondition(timeline.status?.conditions, type)?.status === status).length;
  const objectless = withoutObject(inventory.known, timelines);
  const usual = usualReplicaCount(inventory);
  const isListed = spec.inventory.timelines !== 'All';
  const short = isListed ? objectless.filter(({ replicas }) => replicas < usual).length : 0;
  return {
    total: timelines.length + objectless.length,
    redundant: withCondition('Ready', 'True') + (isListed ? objectless.length - short : 0),
    degraded: withCondition('Ready', 'False') + short,
    recovering: timelines.filter(({ status }) =>
      ['Queued', 'Pulling', 'Verifying'].includes(findCondition(status?.conditions, 'Reconciling')?.reason ?? ''),
    ).length,
    blocked: withCondition('Stalled', 'True'),
  };
}

function withoutObject(
  known: ReadonlyMap<string, KnownTimeline>,
  timelines: readonly SafekeeperTimeline[],
): KnownTimeline[] {
  const objects = new Set(timelines.map(({ spec }) => `${spec.tenantId}/${spec.timelineId}`));
  return [...known].flatMap(([key, timeline]) => (objects.has(key) ? [] : [timeline]));
}
