import { bounds } from '../../api/bounds.ts';
import type { PodDiscovery } from '../../api/discovery.ts';
import { assertNever } from '../../base/assert.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { type Pod, PODS } from './core-objects.ts';

/** A pod that is a safekeeper's, ready or not. */
export interface SafekeeperPod {
  readonly name: string;
  readonly uid: string;
  /** Undefined while it has no address. */
  readonly url: string | undefined;
}

export type PodList =
  | { readonly kind: 'Pods'; readonly pods: readonly SafekeeperPod[] }
  | { readonly kind: 'TooMany'; readonly message: string };

/** The pods of the namespace that the selector picks and that have not ended, in the order of their names. */
export async function listPods(
  client: Pick<KubeClient, 'list'>,
  namespace: string,
  settings: PodDiscovery,
  signal: AbortSignal,
): Promise<PodList> {
  const selection = { namespace, labelSelector: formatSelector(settings.selector) };
  const { items, metadata } = await client.list(PODS, selection, undefined, signal);
  const running = items.filter(({ status }) => status?.phase !== 'Succeeded' && status?.phase !== 'Failed');
  if (running.length > bounds.safekeeperCountMax || (metadata.continue ?? '') !== '') {
    const message = `spec.discovery.pods.selector selects more than ${bounds.safekeeperCountMax} pods: narrow it down to safekeepers`;
    return { kind: 'TooMany', message };
  }
  const newestFirst = [...running].sort((a, b) => (createdAt(a) < createdAt(b) ? 1 : -1));
  const pods = new Map<string, SafekeeperPod>();
  for (const pod of newestFirst) {
    const url = urlOf(pod, namespace, settings);
    // A pod on its way out may share its address with the one that takes its place.
    const key = url ?? pod.metadata.uid ?? pod.metadata.name;
    if (!pods.has(key)) pods.set(key, { name: pod.metadata.name, uid: pod.metadata.uid ?? '', url });
  }
  return { kind: 'Pods', pods: [...pods.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/** kubectl's syntax. */
export function formatSelector({ matchLabels = {}, matchExpressions = [] }: PodDiscovery['selector']): string {
  const labels = Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`);
  const expressions = matchExpressions.map(({ key, operator, values }) => {
    switch (operator) {
      case 'In':
        return `${key} in (${values.join(',')})`;
      case 'NotIn':
        return `${key} notin (${values.join(',')})`;
      case 'Exists':
        return key;
      case 'DoesNotExist':
        return `!${key}`;
      default:
        return assertNever(operator);
    }
  });
  return [...labels, ...expressions].join(',');
}

function urlOf({ metadata, status }: Pod, namespace: string, { scheme, port, host }: PodDiscovery): string | undefined {
  const ip = status?.podIP ?? '';
  if (ip === '') return undefined;
  const named = host?.replaceAll('{pod}', metadata.name).replaceAll('{namespace}', namespace);
  return `${scheme.toLowerCase()}://${named ?? (ip.includes(':') ? `[${ip}]` : ip)}:${port}`;
}

/** RFC 3339 in UTC sorts as text. */
function createdAt({ metadata }: Pod): string {
  return metadata.creationTimestamp ?? '';
}
