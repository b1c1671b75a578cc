import type { KubeObject, ResourceType } from '../../kube/object.ts';

/** The parts of Kubernetes' own objects that a cluster's spec may refer to. */

export interface Secret extends KubeObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export const SECRETS: ResourceType<Secret> = coreType('secrets', 'Secret');
export const CONFIG_MAPS: ResourceType<ConfigMap> = coreType('configmaps', 'ConfigMap');

function coreType(plural: string, kind: string): ResourceType<never> {
  return { group: '', version: 'v1', plural, kind, namespaced: true };
}
