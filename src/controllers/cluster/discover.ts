import type { PodDiscovery } from '../../api/discovery.ts';
import type { SafekeeperCluster } from '../../api/resources.ts';
import type { Clock } from '../../base/clock.ts';
import { describeError } from '../../base/failure.ts';
import type { Logger } from '../../base/log.ts';
import { parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import type { HttpSender } from '../../http/client.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { SafekeeperClient } from '../../safekeeper/client.ts';
import { type Discovery, PodDirectory } from './pod-directory.ts';
import { listPods, type SafekeeperPod } from './pods.ts';

export interface PodSearchOptions {
  readonly client: Pick<KubeClient, 'list'>;
  readonly http: HttpSender;
  readonly clock: Clock;
  readonly log: Logger;
}

export type Found =
  | { readonly kind: 'Found'; readonly discovery: Discovery }
  | { readonly kind: 'Problem'; readonly message: string };

/** The safekeepers of one cluster by its pods, as `spec.discovery.pods` says. */
export class PodSearch {
  private readonly settings: PodDiscovery;
  private readonly options: PodSearchOptions;
  private readonly directory: PodDirectory;
  private pods: readonly SafekeeperPod[] | undefined;

  constructor(settings: PodDiscovery, known: ReadonlyMap<SafekeeperId, string | undefined>, options: PodSearchOptions) {
    this.settings = settings;
    this.options = options;
    const ask = async (url: string, signal: AbortSignal) => {
      const { id } = await new SafekeeperClient({ http: options.http, url }).nodeStatus(signal);
      return id;
    };
    this.directory = new PodDirectory(ask, known);
  }

  isFor(settings: PodDiscovery): boolean {
    return JSON.stringify(settings) === JSON.stringify(this.settings);
  }

  /**
   * Looks at the pods of now; while the API server does not list them, at those of before, because safekeepers go on
   * without it. Throws when there are none of before.
   */
  async look(
    { metadata }: SafekeeperCluster,
    isEmpty: (id: SafekeeperId) => boolean,
    signal: AbortSignal,
  ): Promise<Found> {
    const { client, clock, log } = this.options;
    const cluster = `${metadata.namespace}/${metadata.name}`;
    try {
      const list = await listPods(client, metadata.namespace, this.settings, signal);
      if (list.kind === 'TooMany') return { kind: 'Problem', message: list.message };
      this.pods = list.pods;
    } catch (error) {
      signal.throwIfAborted();
      if (this.pods === undefined) throw error;
      log.warn({ cluster, error: describeError(error) }, 'Pods not listed');
    }
    const discovery = await this.directory.look(this.pods, isEmpty, clock.monotonicMs(), signal);
    for (const { id, url } of discovery.moved) log.info({ cluster, safekeeper: id, url }, 'Safekeeper moved');
    return { kind: 'Found', discovery };
  }
}

/** What a former operator has found, as the status of the very same spec tells it. */
export function foundBefore({ metadata, status }: SafekeeperCluster): Map<SafekeeperId, string> {
  if (status?.observedGeneration !== metadata.generation) return new Map();
  return new Map(
    (status?.safekeepers ?? []).flatMap(({ id, url }) => {
      const parsed = parseSafekeeperId(id);
      return parsed === undefined ? [] : [[parsed, url] as const];
    }),
  );
}
