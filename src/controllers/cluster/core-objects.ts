import type { KubeObject, ResourceType } from '../../kube/object.ts';

/** The parts of Kubernetes' own objects that a cluster's spec may refer to. */

export interface Secret extends KubeObject {
  /** Base64. */
  readonly data?: Readonly<Record<string, string>>;
}

export interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface Pod extends KubeObject {
  readonly status?: { readonly phase?: string; readonly podIP?: string };
}

export const SECRETS: ResourceType<Secret> = coreType('secrets', 'Secret');
export const CONFIG_MAPS: ResourceType<ConfigMap> = coreType('configmaps', 'ConfigMap');
export const PODS: ResourceType<Pod> = coreType('pods', 'Pod');

function coreType(plural: string, kind: string): ResourceType<never> {
  return { group: '', version: 'v1', plural, kind, namespaced: true };
}
