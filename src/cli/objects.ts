import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../api/resources.ts';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { isApiError, KubeApiError } from '../kube/api-error.ts';
import type { KubeClient, Selection } from '../kube/kube-client.ts';
import type { KubeObject, ResourceType } from '../kube/object.ts';
import { didYouMean, nearNames } from './near-names.ts';
import type { Target, TargetKind } from './targets.ts';

export type FoundObject =
  | { readonly kind: 'cluster'; readonly object: SafekeeperCluster }
  | { readonly kind: 'timeline'; readonly object: SafekeeperTimeline };

/** Objects of any of the kinds with the target's name: none, one, or two where it may be of either kind. */
export async function findObjects(
  client: KubeClient,
  namespace: string,
  { kind, name }: Target,
  signal: AbortSignal,
): Promise<FoundObject[]> {
  const at = { namespace, name };
  const found: FoundObject[] = [];
  if (kind !== 'timeline') {
    const object = await getOrNothing<SafekeeperCluster>(client, CLUSTER_RESOURCE, at, signal);
    if (object !== undefined) found.push({ kind: 'cluster', object });
  }
  if (kind !== 'cluster') {
    const object = await getOrNothing<SafekeeperTimeline>(client, TIMELINE_RESOURCE, at, signal);
    if (object !== undefined) found.push({ kind: 'timeline', object });
  }
  return found;
}

/** Undefined when there is no such object; a Failure `NotInstalled` when there is no such kind. */
export async function getOrNothing<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  at: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await client.get(type, at, signal);
  } catch (error) {
    if (isApiError(error, 'NotFound') && !isUnknownKind(error)) return undefined;
    throw explained(error);
  }
}

/**
 * Every object of a selection, page by page: never more than a page in memory. A list that took so long that the server
 * forgot where it was starts anew; `onRestart` is told, and what was given before is void.
 */
export async function* listObjects<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  selection: Selection,
  signal: AbortSignal,
  onRestart: () => void,
): AsyncGenerator<T> {
  let restarts = 0;
  for (let token: string | undefined; ; ) {
    try {
      const page = await client.list(type, selection, token, signal);
      yield* page.items;
      token = page.metadata.continue;
      if (token === undefined || token === '') return;
    } catch (error) {
      if (!isApiError(error, 'Expired') || token === undefined || ++restarts > limits.kubeRetriesMax) {
        throw explained(error);
      }
      token = undefined;
      onRestart();
    }
  }
}

/** Why there is no such object: a Failure `NotFound` with names, and commands, like the one that was asked for. */
export async function notFound(
  client: KubeClient,
  namespace: string,
  { kind, name }: Target,
  commands: readonly string[],
  signal: AbortSignal,
): Promise<Failure> {
  const names = new Set<string>();
  const kinds: readonly TargetKind[] = kind === 'either' ? ['cluster', 'timeline'] : [kind];
  try {
    for (const each of kinds) {
      const type: ResourceType = each === 'cluster' ? CLUSTER_RESOURCE : TIMELINE_RESOURCE;
      for await (const { metadata } of listObjects(client, type, { namespace }, signal, () => undefined)) {
        names.add(metadata.name);
        if (names.size >= limits.suggestionNamesMax) break;
      }
    }
  } catch {
    // Who may read one object may not be allowed to list all; the answer is the same.
  }
  const what = { either: 'no timeline or cluster', cluster: 'no cluster', timeline: 'no timeline' }[kind];
  const near = didYouMean([
    ...nearNames(name, commands).map((command) => `the command ${command}`),
    ...nearNames(name, names),
  ]);
  return new Failure('NotFound', `there is ${what} "${name}" in namespace ${namespace}${near}`, {
    retry: 'never',
  });
}

/** An answer of the API server with what to do about it, where that is known. */
export function explained(error: unknown): unknown {
  if (!(error instanceof KubeApiError)) return error;
  if (isUnknownKind(error)) {
    return new Failure(
      'NotInstalled',
      'the API server does not know safekeeper.dev/v1alpha1: install the kinds with "safekeeper-operator crds | kubectl apply -f -"',
      { retry: 'after-change', cause: error },
    );
  }
  return error;
}

/** The path itself is unknown: such an answer names no object, and may not be JSON. */
function isUnknownKind(error: unknown): boolean {
  return (
    error instanceof KubeApiError &&
    error.code === 404 &&
    /could not find the requested resource|HTTP status 404/.test(error.message)
  );
}
