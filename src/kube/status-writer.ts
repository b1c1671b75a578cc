import type { KubeClient } from './kube-client.ts';
import type { KubeObject, ResourceType } from './object.ts';
import type { Reflector } from './reflector.ts';
import { semanticEqual } from './semantic-equal.ts';

export type WithStatus<Status> = KubeObject & { readonly status?: Status };

export interface StatusWriterOptions<Status, T extends WithStatus<Status>> {
  readonly client: KubeClient;
  readonly type: ResourceType<T>;
  /** The cache that decisions are made on. */
  readonly reflector: Pick<Reflector<T>, 'putOwnWrite'>;
  /** One for each controller, so that each owns its own fields. */
  readonly fieldManager: string;
}

export type StatusWrite<T> = { readonly kind: 'Unchanged' } | { readonly kind: 'Written'; readonly object: T };

/** Writes the whole status of objects by server-side apply, and only when it says something new. */
export class StatusWriter<Status, T extends WithStatus<Status>> {
  private readonly options: StatusWriterOptions<Status, T>;

  constructor(options: StatusWriterOptions<Status, T>) {
    this.options = options;
  }

  /**
   * `status` was decided from `cached`. Throws reason `Conflict` when the API server has a newer version of it:
   * then the decision is void and the next reconcile, on the newer version, makes another. What is written is put
   * into the cache, so that the next reconcile does not decide on what was before.
   */
  async write(cached: T, status: Status, signal: AbortSignal): Promise<StatusWrite<T>> {
    if (semanticEqual(cached.status, status)) return { kind: 'Unchanged' };
    const { client, type, reflector, fieldManager } = this.options;
    const { name, namespace, resourceVersion, uid } = cached.metadata;
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const object = await client.applyStatus(type, { metadata, status }, { fieldManager, force: true }, signal);
    reflector.putOwnWrite(object);
    return { kind: 'Written', object };
  }
}
