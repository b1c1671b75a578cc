import type { InventoryMode } from '../../api/cluster-spec.ts';
import { API_VERSION, CLUSTER_NAMES, inventoryLabels, TIMELINE_NAMES, timelineObjectName } from '../../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../../domain/ids.ts';
import type { Inventory } from './inventory.ts';
import type { Ownership } from './ownership.ts';

/** The identity under which the timeline store indexes a timeline of a cluster. */
export function clusterTimelineIdentity(namespace: string, clusterName: string, id: TenantTimelineId): string {
  return `${namespace}/${clusterName}/${formatTenantTimelineId(id)}`;
}

/** Where it is known from that a timeline exists, and on whom. */
export interface TimelineSources {
  readonly inventory: Inventory;
  /** What the storage controller names on each safekeeper; undefined without one. */
  readonly ownership: Pick<Ownership, 'named'> | undefined;
  /** Timelines that it names and no safekeeper lists, each since when (monotonic ms). */
  readonly unlistedSince: ReadonlyMap<string, number>;
}

/** Neon keeps three replicas of a timeline unless its configuration says otherwise. */
const USUAL_REPLICA_COUNT = 3;

/**
 * Timelines that deserve an object and have none: all of them in mode `All`, else those that lack a replica as far as
 * lists can tell. One that only the storage controller knows may be about to be created: it counts after the
 * grace period. At most `countMax`, so that one visit stays short.
 */
export function timelinesToCreate(
  { inventory, ownership, unlistedSince }: TimelineSources,
  settings: { readonly mode: InventoryMode; readonly gracePeriodMs: number; readonly nowMs: number },
  hasObject: (id: TenantTimelineId) => boolean,
  countMax: number,
): TenantTimelineId[] {
  const { mode, gracePeriodMs, nowMs } = settings;
  const usual = usualReplicaCount(inventory);
  const wanted = new Map<string, TenantTimelineId>();
  const add = (key: string, id: TenantTimelineId) => {
    if (wanted.size < countMax && !wanted.has(key) && !hasObject(id)) wanted.set(key, id);
  };
  for (const [key, { id, replicas }] of inventory.known) {
    if (mode === 'All' || replicas < usual) add(key, id);
  }
  for (const [key, id] of missingReplicas(inventory, ownership)) {
    const sinceMs = unlistedSince.get(key);
    if (sinceMs === undefined || nowMs - sinceMs >= gracePeriodMs) add(key, id);
  }
  return [...wanted.values()];
}

/** How many safekeepers should list a timeline, as far as is known without its configuration. */
export function usualReplicaCount({ views }: Inventory): number {
  const answered = [...views.values()].filter(({ state }) => state.kind === 'Reachable').length;
  return Math.min(USUAL_REPLICA_COUNT, answered);
}

/** {@link TimelineSources.unlistedSince} after a scan. */
export function trackUnlisted(
  before: ReadonlyMap<string, number>,
  inventory: Inventory,
  ownership: Pick<Ownership, 'named'> | undefined,
  nowMs: number,
): Map<string, number> {
  const unlisted = new Map<string, number>();
  for (const [key] of missingReplicas(inventory, ownership)) {
    if (!inventory.known.has(key)) unlisted.set(key, before.get(key) ?? nowMs);
  }
  return unlisted;
}

/** What the storage controller names on a safekeeper that has just answered and does not list it. */
function* missingReplicas(
  { views }: Inventory,
  ownership: Pick<Ownership, 'named'> | undefined,
): Generator<[string, TenantTimelineId]> {
  for (const { id, state, timelines } of views.values()) {
    if (state.kind !== 'Reachable') continue;
    for (const [key, timeline] of ownership?.named(id) ?? []) {
      if (timelines?.has(key) === false) yield [key, timeline];
    }
  }
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
