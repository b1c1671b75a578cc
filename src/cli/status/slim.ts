import type { ObjectMetadata, SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import { severityOf } from './severity.ts';

/**
 * A timeline as it is kept where there may be 100,000 of them: of one that is redundant little more than its name, of
 * the others what is shown. A tenth of the size, and the same to every function that judges or shows it in a line.
 */
export function slimTimeline(timeline: SafekeeperTimeline): SafekeeperTimeline {
  const { apiVersion, kind, spec, status } = timeline;
  const metadata = slimMetadata(timeline.metadata);
  if (severityOf(timeline) !== 'Redundant' || status === undefined) {
    return { apiVersion, kind, metadata, spec, ...(status === undefined ? {} : { status: slimStatus(status) }) };
  }
  const conditions = status.conditions?.filter(
    ({ type, status: value }) => type === 'Ready' || (type === 'Paused' && value === 'True'),
  );
  return {
    apiVersion,
    kind,
    metadata,
    spec: {
      clusterRef: spec.clusterRef,
      tenantId: spec.tenantId,
      timelineId: spec.timelineId,
      ...(spec.paused === undefined ? {} : { paused: spec.paused }),
    },
    status: {
      ...(status.redundancy === undefined ? {} : { redundancy: status.redundancy }),
      ...(conditions === undefined ? {} : { conditions }),
    },
  };
}

export function slimCluster(cluster: SafekeeperCluster): SafekeeperCluster {
  return { ...cluster, metadata: slimMetadata(cluster.metadata) };
}

function slimStatus({ history: _history, ...status }: SafekeeperTimelineStatus): SafekeeperTimelineStatus {
  return status;
}

function slimMetadata({ name, namespace, uid, resourceVersion, creationTimestamp }: ObjectMetadata): ObjectMetadata {
  return {
    name,
    namespace,
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
  };
}
