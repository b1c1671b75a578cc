import type { ResourceType, ResourceTypes } from './resource-type.ts';
import { NoSuchPath } from './status-error.ts';

/** What a path below `/api/v1` or `/apis/<group>/<version>` addresses. */
export interface Target {
  readonly type: ResourceType;
  /** Undefined for cluster-wide types, and for lists over all namespaces. */
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: '' | 'status';
}

/** Throws NotFound when nothing is served at the path. */
export function resolveTarget(types: ResourceTypes, path: string): Target {
  const [root, ...segments] = path
    .split('/')
    .filter((segment) => segment !== '')
    .map(decode);
  const [group, version, rest] =
    root === 'api' ? ['', segments[0], segments.slice(1)] : [segments[0], segments[1], segments.slice(2)];
  if (group === undefined || version === undefined || (root !== 'api' && root !== 'apis')) throw new NoSuchPath();
  const scoped = rest[0] === 'namespaces' && rest.length >= 3 && !(group === '' && rest[2] === 'status');
  const namespace = scoped ? rest[1] : undefined;
  const [plural = '', name, subresource = '', ...more] = scoped ? rest.slice(2) : rest;
  const type = types.find(group, version, plural);
  if (type === undefined || more.length > 0) throw new NoSuchPath();
  if (type.namespaced ? namespace === undefined && name !== undefined : namespace !== undefined) throw new NoSuchPath();
  if (subresource === '') return { type, namespace, name, subresource };
  if (subresource !== 'status' || !type.hasStatus) throw new NoSuchPath();
  return { type, namespace, name, subresource };
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    throw new NoSuchPath();
  }
}
