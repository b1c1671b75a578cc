import type { InventoryMode } from '../../api/cluster-spec.ts';
import { API_VERSION, CLUSTER_NAMES, inventoryLabels, TIMELINE_NAMES, timelineObjectName } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../../domain/ids.ts';
import { type Inventory, knownTimelines } from './inventory.ts';

/** The identity under which the timeline store indexes a timeline of a cluster. */
export function clusterTimelineIdentity(namespace: string, clusterName: string, id: TenantTimelineId): string {
  return `${namespace}/${clusterName}/${formatTenantTimelineId(id)}`;
}

/**
 * Timelines that deserve an object and have none: all of them, or with `UnderReplicated` those that a safekeeper which
 * answered does not list. At most `countMax`, so that one visit stays short.
 */
export function timelinesToCreate(
  inventory: Inventory,
  mode: InventoryMode,
  hasObject: (id: TenantTimelineId) => boolean,
  countMax: number,
): TenantTimelineId[] {
  if (mode === 'None') return [];
  const answered = [...inventory.views.values()].filter(({ state }) => state.kind === 'Reachable').length;
  const wanted: TenantTimelineId[] = [];
  for (const { id, replicas } of knownTimelines(inventory).values()) {
    if (wanted.length === countMax) break;
    if ((mode === 'All' || replicas < answered) && !hasObject(id)) wanted.push(id);
  }
  return wanted;
}

/** The object that the inventory makes for a timeline. Its members are left to the replicas' own configuration. */
export function timelineObject(cluster: SafekeeperCluster, id: TenantTimelineId): SafekeeperTimeline {
  const { name, namespace, uid } = cluster.metadata;
  const owner = uid === undefined ? [] : [{ apiVersion: API_VERSION, kind: CLUSTER_NAMES.kind, name, uid }];
  return {
    apiVersion: API_VERSION,
    kind: TIMELINE_NAMES.kind,
    metadata: {
      name: timelineObjectName(name, id),
      namespace,
      labels: inventoryLabels(name, id),
      ownerReferences: owner,
    },
    spec: { clusterRef: { name }, tenantId: id.tenantId, timelineId: id.timelineId },
  };
}
