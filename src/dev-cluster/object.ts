import { isDeepStrictEqual } from 'node:util';

/** Decoded JSON object. Stored objects are shared between readers and never changed in place. */
export type Fields = { [field: string]: unknown };

export interface OwnerReference extends Fields {
  readonly uid: string;
}

export interface ObjectMeta extends Fields {
  name: string;
  namespace?: string;
  uid: string;
  resourceVersion: string;
  creationTimestamp: string;
  deletionTimestamp?: string;
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
  managedFields?: Fields[];
}

/** Any Kubernetes object, as stored: its metadata is complete. */
export interface KubeObject extends Fields {
  apiVersion: string;
  kind: string;
  metadata: ObjectMeta;
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `value[field]` when it is an object with that field, else undefined. */
export function fieldOf(value: unknown, field: string): unknown {
  return isFields(value) && Object.hasOwn(value, field) ? value[field] : undefined;
}

export function textOf(value: unknown, field: string): string {
  const found = fieldOf(value, field);
  return typeof found === 'string' ? found : '';
}

export function listOf(value: unknown, field: string): readonly unknown[] {
  const found = fieldOf(value, field);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

/** A copy without these fields. */
export function omit(value: Fields, fields: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(value).filter(([field]) => !fields.includes(field)));
}

/** A copy with the fields of every object in it in alphabetical order. */
export function sortFields<Value>(value: Value): Value {
  if (Array.isArray(value)) return value.map(sortFields) as Value;
  if (!isFields(value)) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([field, child]) => [field, sortFields(child)])) as Value;
}

export function sameValue(left: unknown, right: unknown): boolean {
  return isDeepStrictEqual(left, right);
}

/** `spec` + `url` → `spec.url`. */
export function childPath(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}
