export const TENANT = '1f359dd625e519a1a4e8d7509690f6fc';
export const TIMELINE = '9e4c8f36063c6c6e93bc20d65a820f3d';

type Fields = Record<string, unknown>;

/** A minimal valid SafekeeperCluster; `spec` adds to or replaces its fields. */
export function clusterObject(spec: Fields = {}, name = 'neon') {
  return {
    apiVersion: 'safekeeper.dev/v1alpha1',
    kind: 'SafekeeperCluster',
    metadata: { name, namespace: 'default' },
    spec: { safekeepers: [1, 2, 3].map((id) => ({ id, url: `http://sk-${id}:7676` })), ...spec },
  };
}

/** A minimal valid SafekeeperTimeline; `spec` adds to or replaces its fields. */
export function timelineObject(spec: Fields = {}) {
  return {
    apiVersion: 'safekeeper.dev/v1alpha1',
    kind: 'SafekeeperTimeline',
    metadata: { name: 'a', namespace: 'default' },
    spec: { clusterRef: { name: 'neon' }, tenantId: TENANT, timelineId: TIMELINE, ...spec },
  };
}

/** `object` without one field of its spec. */
export function withoutSpecField<Resource extends { spec: Fields }>(object: Resource, field: string) {
  return { ...object, spec: Object.fromEntries(Object.entries(object.spec).filter(([name]) => name !== field)) };
}
