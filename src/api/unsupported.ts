import type { ClusterSpec } from './cluster-spec.ts';

/**
 * Paths of the fields that a spec uses and this version of the operator does not act on. Such a spec is not valid:
 * ignoring a field silently would promise what nobody does.
 */
export function unsupportedFields(spec: ClusterSpec): string[] {
  const used = [{ path: 'spec.discovery', isUsed: spec.source.kind === 'pods' }];
  return used.filter(({ isUsed }) => isUsed).map(({ path }) => path);
}
