import type { Brand } from '../base/brand.ts';

/** The metadata that this runtime reads; everything else in an object passes through untouched. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
  readonly finalizers?: readonly string[];
  readonly managedFields?: readonly unknown[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

/** Any object of the Kubernetes API. Plain JSON: no model class that could drop fields it does not know. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** One page of a list; `continue` is set while there are more. */
export interface KubeList<T extends KubeObject> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: readonly T[];
}

/** Where a kind lives in the API. The core group is the empty string. */
export interface ResourceType<T extends KubeObject = KubeObject> {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never present: lets the compiler infer what a call on this type returns. */
  readonly objectType?: T;
}

/** Names one object of a known type. `namespace` is absent for cluster-scoped ones. */
export interface ObjectName {
  readonly namespace?: string;
  readonly name: string;
}

/** `namespace/name`, or `name` for a cluster-scoped object: the key of stores and queues. */
export type ObjectKey = Brand<string, 'ObjectKey'>;

export function objectKey({ namespace, name }: ObjectName): ObjectKey {
  return (namespace === undefined ? name : `${namespace}/${name}`) as ObjectKey;
}

export function keyOf(object: KubeObject): ObjectKey {
  return objectKey(object.metadata);
}

export function nameOf(key: ObjectKey): ObjectName {
  const slash = key.indexOf('/');
  return slash < 0 ? { name: key } : { namespace: key.slice(0, slash), name: key.slice(slash + 1) };
}

export function apiVersionOf(type: ResourceType): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The path of a collection, or of one object or its subresource. */
export function resourcePath(type: ResourceType, at: Partial<ObjectName>, subresource?: string): string {
  const parts = [type.group === '' ? '/api' : '/apis', apiVersionOf(type)];
  if (type.namespaced && at.namespace !== undefined) parts.push('namespaces', encodeURIComponent(at.namespace));
  parts.push(type.plural);
  if (at.name !== undefined) parts.push(encodeURIComponent(at.name));
  if (subresource !== undefined) parts.push(subresource);
  return parts.join('/');
}
