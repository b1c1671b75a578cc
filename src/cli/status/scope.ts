import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { Selection } from '../../kube/kube-client.ts';
import { keyOf, objectKey } from '../../kube/object.ts';
import type { Target, TargetKind, Targets } from '../targets.ts';
import { badUsage } from '../errors.ts';

/** What is asked for. */
export interface Scope {
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly targets: Targets;
}

/** Names go with one namespace and without selectors, as with kubectl. Throws a Failure `BadUsage`. */
export function checkScope(scope: Scope): void {
  if (scope.targets.named.length === 0) return;
  if (scope.namespace === undefined) throw badUsage('a name belongs to one namespace: use -n in place of -A');
  if (hasSelector(scope)) throw badUsage('names and selectors exclude each other');
}

export function hasSelector({ labelSelector, fieldSelector }: Scope): boolean {
  return labelSelector !== undefined || fieldSelector !== undefined;
}

/** Whether objects of this kind are asked for at all. */
export function wants({ targets }: Scope, kind: TargetKind): boolean {
  if (targets.named.length > 0) return true;
  return targets.kinds.length === 0 || targets.kinds.includes(kind);
}

/** Clusters are not what selectors are about, unless they were asked for: shown are those of the timelines selected. */
export function clustersFollow(scope: Scope): boolean {
  return hasSelector(scope) && scope.targets.kinds.length === 0;
}

/** What the API server is asked for of this kind. */
export function selectionOf(scope: Scope, kind: TargetKind): Selection {
  const { namespace, labelSelector, fieldSelector } = scope;
  const everywhere = namespace === undefined ? {} : { namespace };
  if (kind === 'cluster' && clustersFollow(scope)) return everywhere;
  return {
    ...everywhere,
    ...(labelSelector === undefined ? {} : { labelSelector }),
    ...(fieldSelector === undefined ? {} : { fieldSelector }),
  };
}

/** A timeline that was asked for by its own name or its cluster's. */
export function includesTimeline({ targets }: Scope, { metadata, spec }: SafekeeperTimeline): boolean {
  const isNamed = ({ kind, name }: Target) =>
    (kind !== 'cluster' && name === metadata.name) || (kind !== 'timeline' && name === spec.clusterRef.name);
  return targets.named.length === 0 || targets.named.some(isNamed);
}

/** `clusterKeys`: of the timelines selected. */
export function includesCluster(scope: Scope, cluster: SafekeeperCluster, clusterKeys: ReadonlySet<string>): boolean {
  const { named } = scope.targets;
  if (clustersFollow(scope)) return clusterKeys.has(keyOf(cluster));
  return named.length === 0 || named.some(({ kind, name }) => kind !== 'timeline' && name === cluster.metadata.name);
}

export function clusterKeyOf({ metadata, spec }: SafekeeperTimeline): string {
  return objectKey({ namespace: metadata.namespace, name: spec.clusterRef.name });
}
