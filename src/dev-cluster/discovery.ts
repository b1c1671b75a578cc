import type { Fields } from './object.ts';
import { apiVersionOf, type ResourceType, type ResourceTypes, STATUS_VERBS, VERBS } from './resource-type.ts';

/** The Kubernetes version that this server's behaviour follows. */
export const VERSION: Fields = {
  major: '1',
  minor: '32',
  gitVersion: 'v1.32.0+safekeeper-demo',
  gitCommit: '',
  gitTreeState: '',
  buildDate: '1970-01-01T00:00:00Z',
  goVersion: '',
  compiler: '',
  platform: 'nodejs',
};

/** `/api` */
export function coreVersions(): Fields {
  return { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] };
}

/** `/apis` */
export function groupList(types: ResourceTypes): Fields {
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: groupNames(types).map((group) => groupOf(types, group)) };
}

/** `/apis/<group>`, or undefined when there is no such group. */
export function groupDocument(types: ResourceTypes, group: string): Fields | undefined {
  if (!groupNames(types).includes(group)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(types, group) };
}

/** `/api/v1` and `/apis/<group>/<version>`, or undefined when nothing is served there. */
export function resourceList(types: ResourceTypes, group: string, version: string): Fields | undefined {
  const served = types.all().filter((type) => type.group === group && type.version === version);
  if (served.length === 0) return undefined;
  const resources = served.flatMap((type) => {
    const own = {
      name: type.plural,
      singularName: type.singular,
      namespaced: type.namespaced,
      kind: type.kind,
      verbs: VERBS,
      ...namesOf(type),
    };
    const status = { name: `${type.plural}/status`, singularName: '', namespaced: type.namespaced, kind: type.kind };
    return type.hasStatus ? [own, { ...status, verbs: STATUS_VERBS }] : [own];
  });
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersionOf({ group, version }), resources };
}

/** The aggregated form of `/api` (`core`) or `/apis`: everything in one answer. */
export function aggregatedDiscovery(types: ResourceTypes, root: 'core' | 'groups'): Fields {
  const groups = root === 'core' ? [''] : groupNames(types);
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: 'apidiscovery.k8s.io/v2',
    metadata: {},
    items: groups.map((group) => ({
      metadata: { ...(group === '' ? {} : { name: group }), creationTimestamp: null },
      versions: versionsOf(types, group).map((version) => ({
        version,
        freshness: 'Current',
        resources: types
          .all()
          .filter((type) => type.group === group && type.version === version)
          .map(aggregatedResource),
      })),
    })),
  };
}

function aggregatedResource(type: ResourceType): Fields {
  const responseKind = { group: type.group, version: type.version, kind: type.kind };
  return {
    resource: type.plural,
    responseKind,
    scope: type.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: type.singular,
    verbs: VERBS,
    ...namesOf(type),
    ...(type.hasStatus ? { subresources: [{ subresource: 'status', responseKind, verbs: STATUS_VERBS }] } : {}),
  };
}

function namesOf(type: ResourceType): Fields {
  return {
    ...(type.shortNames.length === 0 ? {} : { shortNames: type.shortNames }),
    ...(type.categories.length === 0 ? {} : { categories: type.categories }),
  };
}

function groupNames(types: ResourceTypes): string[] {
  return [...new Set(types.all().map((type) => type.group))].filter((group) => group !== '');
}

function versionsOf(types: ResourceTypes, group: string): string[] {
  return [
    ...new Set(
      types
        .all()
        .filter((type) => type.group === group)
        .map((type) => type.version),
    ),
  ];
}

function groupOf(types: ResourceTypes, group: string): Fields {
  const versions = versionsOf(types, group).map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions, preferredVersion: versions[0] };
}
