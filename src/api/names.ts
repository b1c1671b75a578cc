import { assert } from '../base/assert.ts';
import type { TenantTimelineId } from '../domain/ids.ts';

export const API_GROUP = 'safekeeper.dev';
export const API_VERSION_NAME = 'v1alpha1';
/** What objects carry in `apiVersion`. */
export const API_VERSION = `${API_GROUP}/${API_VERSION_NAME}`;

/** How one kind is called in URLs, objects and on kubectl's command line. */
export interface ResourceNames {
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
}

export const CLUSTER_NAMES = {
  kind: 'SafekeeperCluster',
  listKind: 'SafekeeperClusterList',
  plural: 'safekeeperclusters',
  singular: 'safekeepercluster',
  shortNames: ['skc'],
  categories: ['safekeepers'],
} as const satisfies ResourceNames;

export const TIMELINE_NAMES = {
  kind: 'SafekeeperTimeline',
  listKind: 'SafekeeperTimelineList',
  plural: 'safekeepertimelines',
  singular: 'safekeepertimeline',
  shortNames: ['skt'],
  categories: ['safekeepers'],
} as const satisfies ResourceNames;

/** Where an API server keeps the objects of a kind. */
export const CLUSTER_RESOURCE = resource(CLUSTER_NAMES);
export const TIMELINE_RESOURCE = resource(TIMELINE_NAMES);

/** What people write on objects to ask for more. The operator never removes or edits them. */
export const annotations = {
  /** On a timeline: the id of the proposal to run. */
  approve: 'safekeeper.dev/approve',
  /** On a timeline: the id of the proposal to run although rule R1 or R5 forbids it. */
  forceDonor: 'safekeeper.dev/force-donor',
  /** On a timeline: any new value asks for a probe now. */
  reconcileAt: 'safekeeper.dev/reconcile-at',
  /** On either kind: an RFC 3339 time until which nothing is changed. */
  pausedUntil: 'safekeeper.dev/paused-until',
} as const;

/** What the inventory writes on the timelines that it makes. */
export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  cluster: 'safekeeper.dev/cluster',
  tenant: 'safekeeper.dev/tenant',
  timeline: 'safekeeper.dev/timeline',
} as const;

/** Value of {@link labels.managedBy}: the mark of an object that the inventory made and may prune. */
export const MANAGED_BY = 'safekeeper-operator';

/** A cluster's name becomes a label value of its timelines, and those hold 63 characters. */
export const CLUSTER_NAME_LENGTH_MAX = 63;

/** The labels of a timeline made by the inventory of the cluster `clusterName`. */
export function inventoryLabels(clusterName: string, id: TenantTimelineId): Record<string, string> {
  return {
    [labels.managedBy]: MANAGED_BY,
    [labels.cluster]: clusterName,
    [labels.tenant]: id.tenantId,
    [labels.timeline]: id.timelineId,
  };
}

/** Whether the inventory made an object with these labels. */
export function isMadeByInventory(objectLabels: Readonly<Record<string, string>> | undefined): boolean {
  return objectLabels?.[labels.managedBy] === MANAGED_BY && objectLabels[labels.cluster] !== undefined;
}

/**
 * The name of the object that the inventory makes for a timeline: `<cluster>-<first 8 of tenant>-<timeline>`, at most
 * 105 characters. Stable, so that two scans or two operators make one object; two tenants that share both their
 * first 8 digits and a timeline id share it too, so the object's spec decides what it stands for.
 */
export function timelineObjectName(clusterName: string, id: TenantTimelineId): string {
  assert(clusterName.length <= CLUSTER_NAME_LENGTH_MAX, 'a cluster name fits a label value');
  return `${clusterName}-${id.tenantId.slice(0, 8)}-${id.timelineId}`;
}

function resource({ kind, plural }: ResourceNames) {
  return { group: API_GROUP, version: API_VERSION_NAME, plural, kind, namespaced: true };
}
