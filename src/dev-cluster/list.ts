import { type Fields, fieldOf, type KubeObject, textOf } from './object.ts';
import type { Objects } from './objects.ts';
import type { ResourceType } from './resource-type.ts';
import { parseFieldSelector, parseLabelSelector, type Selector } from './selectors.ts';
import { badRequest, invalidOption, resourceVersionTooLarge } from './status-error.ts';
import { keyOf, type Store } from './store.ts';

export interface Page {
  readonly objects: readonly KubeObject[];
  readonly metadata: Fields;
}

interface Position {
  readonly revision: number;
  readonly after: string;
}

/** What both list and watch select by: `labelSelector` and `fieldSelector`. */
export function selectorOf(type: ResourceType, query: URLSearchParams): Selector {
  const byLabel = parseLabelSelector(query.get('labelSelector') ?? '');
  const selectable = new Set(['metadata.name', 'metadata.namespace', ...type.selectableFields]);
  const byField = parseFieldSelector(query.get('fieldSelector') ?? '', selectable);
  return (object) => byLabel(object) && byField(object);
}

/**
 * One page of a list. `continue` goes on in the state of the first page, which must still be in the history
 * (else Expired); `resourceVersionMatch=Exact` reads a former state the same way.
 */
export function listPage(
  store: Store,
  objects: Objects,
  type: ResourceType,
  namespace: string | undefined,
  query: URLSearchParams,
): Page {
  const position = startOf(store, query);
  const selects = selectorOf(type, query);
  const former = position.revision === store.revision ? undefined : position.revision;
  const matching = objects
    .list(type, namespace, former)
    .filter((object) => selects(object) && keyOf(object) > position.after);
  const limit = wholeNumber(query, 'limit') ?? 0;
  const page = limit > 0 ? matching.slice(0, limit) : matching;
  const remaining = matching.length - page.length;
  const last = page.at(-1);
  const metadata: Fields = { resourceVersion: String(position.revision) };
  if (remaining > 0 && last !== undefined) {
    metadata.continue = encodePosition({ revision: position.revision, after: keyOf(last) });
    if (!query.get('labelSelector') && !query.get('fieldSelector')) metadata.remainingItemCount = remaining;
  }
  return { objects: page, metadata };
}

/** A parameter that must be a whole number; absent or empty is undefined. */
export function wholeNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^[0-9]{1,15}$/.test(text)) throw badRequest(`invalid value "${text}" for ${name}: must be a whole number`);
  return Number(text);
}

function startOf(store: Store, query: URLSearchParams): Position {
  const token = query.get('continue') ?? '';
  const requested = wholeNumber(query, 'resourceVersion');
  const match = query.get('resourceVersionMatch') ?? '';
  if (token !== '') {
    if (requested !== undefined && requested !== 0) {
      throw badRequest('specifying resource version is not allowed when using continue');
    }
    return decodePosition(token);
  }
  if (match !== '' && requested === undefined) {
    throw invalidOption(
      'ListOptions',
      'resourceVersionMatch',
      'Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided',
    );
  }
  if (match !== '' && match !== 'Exact' && match !== 'NotOlderThan') {
    throw badRequest(`resourceVersionMatch "${match}" is not one of Exact, NotOlderThan`);
  }
  if (requested !== undefined && requested > store.revision) throw resourceVersionTooLarge(requested, store.revision);
  if (match === 'Exact' && requested === 0) throw badRequest('resourceVersionMatch Exact is forbidden with 0');
  return { revision: match === 'Exact' ? (requested ?? store.revision) : store.revision, after: '' };
}

function encodePosition(position: Position): string {
  return Buffer.from(JSON.stringify(position), 'utf8').toString('base64url');
}

function decodePosition(token: string): Position {
  try {
    const position: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    const revision = fieldOf(position, 'revision');
    if (typeof revision === 'number' && textOf(position, 'after') !== '') {
      return { revision, after: textOf(position, 'after') };
    }
  } catch {
    // Not a token of ours: the same answer as for one with the wrong content.
  }
  throw badRequest('continue key is not valid');
}
