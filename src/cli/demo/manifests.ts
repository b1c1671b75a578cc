import { API_VERSION, CLUSTER_NAMES, TIMELINE_NAMES } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { DemoSafekeeper } from './stage.ts';
import type { DemoTimeline } from './timelines.ts';

export const NAMESPACE = 'default';
export const CLUSTER_NAME = 'demo';
/** The shortest that the API takes: a lost safekeeper's votes must have died by then. */
export const GRACE_PERIOD_MS = 15_000;

/** What a person would write to have the safekeepers looked after; quicker to look than by default. */
export function clusterManifest(safekeepers: readonly DemoSafekeeper[]): SafekeeperCluster {
  return {
    apiVersion: API_VERSION,
    kind: CLUSTER_NAMES.kind,
    metadata: { name: CLUSTER_NAME, namespace: NAMESPACE },
    spec: {
      safekeepers: safekeepers.map(({ safekeeperId, url }) => ({ id: Number(safekeeperId), url })),
      inventory: { interval: '2s' },
      recovery: { gracePeriod: `${GRACE_PERIOD_MS / 1_000}s` },
    },
  };
}

/** For the timelines that a person names; the inventory finds the others. */
export function timelineManifests(timelines: readonly DemoTimeline[]): SafekeeperTimeline[] {
  return timelines.flatMap(({ objectName, tenantId, timelineId }) =>
    objectName === undefined
      ? []
      : [
          {
            apiVersion: API_VERSION,
            kind: TIMELINE_NAMES.kind,
            metadata: { name: objectName, namespace: NAMESPACE },
            spec: { clusterRef: { name: CLUSTER_NAME }, tenantId, timelineId },
          },
        ],
  );
}
