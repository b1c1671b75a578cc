import { parseTimelineSpec, parseTimelineStatus } from '../../api/parse.ts';
import { describePause, readPause } from '../../api/pause.ts';
import { effectiveRecovery, type RecoverySettings } from '../../api/recovery.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { TimelineSpec } from '../../api/timeline-spec.ts';
import type { SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import type { ResourceProblem } from '../../domain/conditions.ts';
import { formatTenantTimelineId } from '../../domain/ids.ts';
import { keyOf, type ObjectKey, objectKey } from '../../kube/object.ts';
import { isKept } from '../timeline-objects.ts';
import type { ClusterRegistry, ClusterRuntime } from '../cluster/cluster-runtime.ts';

/** A SafekeeperTimeline object that can be looked after. */
export interface TimelineResource {
  readonly object: SafekeeperTimeline;
  readonly spec: TimelineSpec;
  /** As last written. */
  readonly status: SafekeeperTimelineStatus;
  readonly cluster: ClusterRuntime;
  readonly settings: RecoverySettings;
  /** Why nothing may be changed now, if so. */
  readonly paused: string | undefined;
  /** In how long the object's own pause ends by itself. */
  readonly resumesAfterMs: number | undefined;
}

export type ResolvedResource =
  | { readonly kind: 'Resource'; readonly resource: TimelineResource }
  | { readonly kind: 'Problem'; readonly reason: ResourceProblem; readonly message: string }
  /** Its cluster has not been visited yet. */
  | { readonly kind: 'NotYet' };

/** Reads an object's spec and status and finds its cluster. */
export function resolveResource(
  object: SafekeeperTimeline,
  siblings: readonly SafekeeperTimeline[],
  clusters: ClusterRegistry,
  clusterExists: (key: ObjectKey) => boolean,
  wallTimeMs: number,
): ResolvedResource {
  const parsed = parseTimelineSpec(object);
  if (!parsed.ok) return { kind: 'Problem', reason: 'InvalidSpec', message: parsed.error.message };
  const spec = parsed.value;
  const oldest = [object, ...siblings].sort(byAge)[0] ?? object;
  if (oldest.metadata.uid !== object.metadata.uid) {
    const message = `${oldest.metadata.name} is older and stands for the same timeline: delete one of the two.`;
    return { kind: 'Problem', reason: 'Duplicate', message };
  }
  const clusterKey = objectKey({ namespace: object.metadata.namespace, name: spec.clusterName });
  const entry = clusters.get(clusterKey);
  if (entry === undefined && clusterExists(clusterKey)) return { kind: 'NotYet' };
  if (entry === undefined) {
    const message = `SafekeeperCluster ${spec.clusterName} does not exist in namespace ${object.metadata.namespace}: create it or correct spec.clusterRef.`;
    return { kind: 'Problem', reason: 'ClusterNotFound', message };
  }
  if (entry.kind === 'Unusable') {
    return {
      kind: 'Problem',
      reason: entry.reason,
      message: `SafekeeperCluster ${spec.clusterName}: ${entry.message}`,
    };
  }
  const { cluster } = entry;
  const settings = withoutFence(object, effectiveRecovery(cluster.spec.recovery, spec.recovery));
  // A status that does not parse was not written by this version; it is written anew.
  const status = parseTimelineStatus(object);
  const pause = readPause(spec.paused, object.metadata, wallTimeMs);
  return {
    kind: 'Resource',
    resource: {
      object,
      spec,
      status: status.ok ? status.value : {},
      cluster,
      settings,
      paused: describePause(pause, 'timeline') ?? cluster.paused,
      resumesAfterMs: pause.kind === 'paused-until' ? pause.untilMs - wallTimeMs : undefined,
    },
  };
}

/**
 * A fence by terms has to be announced where every operator sees it, which is the status of an object; without one
 * replicas are restored by grace.
 */
function withoutFence(object: SafekeeperTimeline, settings: RecoverySettings): RecoverySettings {
  return isKept(object) ? { ...settings, fencing: 'Never' } : settings;
}

/** Which objects stand for the same timeline: the name of the store's index. */
export function timelineIdentity(object: SafekeeperTimeline): string[] {
  const parsed = parseTimelineSpec(object);
  if (!parsed.ok) return [];
  const { clusterName, id } = parsed.value;
  return [`${object.metadata.namespace}/${clusterName}/${formatTenantTimelineId(id)}`];
}

/** Oldest first; of equals the lower name, so that every operator decides alike. */
function byAge(a: SafekeeperTimeline, b: SafekeeperTimeline): number {
  const [createdA, createdB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  if (createdA !== createdB) return createdA < createdB ? -1 : 1;
  return keyOf(a) < keyOf(b) ? -1 : 1;
}
