import type { SafekeeperClusterSpec } from './cluster-spec.ts';
import type { SafekeeperClusterStatus } from './cluster-status.ts';
import type { API_VERSION, CLUSTER_NAMES, TIMELINE_NAMES } from './names.ts';
import type { SafekeeperTimelineSpec } from './timeline-spec.ts';
import type { SafekeeperTimelineStatus } from './timeline-status.ts';

/** The part of Kubernetes' `metav1.OwnerReference` that is used here. */
export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** The part of Kubernetes' `metav1.ObjectMeta` that is used here. The API server sets what is optional. */
export interface ObjectMetadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

interface CustomResource<Kind extends string, Spec, Status> {
  readonly apiVersion: typeof API_VERSION;
  readonly kind: Kind;
  readonly metadata: ObjectMetadata;
  readonly spec: Spec;
  readonly status?: Status;
}

export type SafekeeperCluster = CustomResource<
  typeof CLUSTER_NAMES.kind,
  SafekeeperClusterSpec,
  SafekeeperClusterStatus
>;

export type SafekeeperTimeline = CustomResource<
  typeof TIMELINE_NAMES.kind,
  SafekeeperTimelineSpec,
  SafekeeperTimelineStatus
>;
