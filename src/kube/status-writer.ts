import type { KubeClient } from './kube-client.ts';
import { isApiError } from './api-error.ts';
import type { KubeObject, ObjectMeta, ResourceType } from './object.ts';
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
  /** Whether what was decided on `cached` holds for `current` as well, which somebody has written since. Otherwise it never does. */
  readonly stillHolds?: (cached: T, current: T) => boolean;
}

export type StatusWrite<T> = { readonly kind: 'Unchanged' } | { readonly kind: 'Written'; readonly object: T };

const TRIES_MAX = 5;

/** Writes the whole status of objects by server-side apply, and only when it says something new. */
export class StatusWriter<Status, T extends WithStatus<Status>> {
  private readonly options: StatusWriterOptions<Status, T>;

  constructor(options: StatusWriterOptions<Status, T>) {
    this.options = options;
  }

  /**
   * `status` was decided from `cached`. Throws reason `Conflict` when the API server has a newer version of it
   * for which that need not hold: then the decision is void and the next reconcile, on the newer version, makes another. What is written is put
   * into the cache, so that the next reconcile does not decide on what was before.
   */
  async write(cached: T, status: Status, signal: AbortSignal): Promise<StatusWrite<T>> {
    if (semanticEqual(cached.status, status)) return { kind: 'Unchanged' };
    const { reflector } = this.options;
    const { name, namespace, resourceVersion, uid } = cached.metadata;
    const metadata = {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
    };
    const object = await this.apply(cached, metadata, status, signal);
    reflector.putOwnWrite(object);
    return { kind: 'Written', object };
  }

  /** Whoever writes to the object all the time, without touching what matters, must not keep the status from being written. */
  private async apply(cached: T, metadata: ObjectMeta, status: Status, signal: AbortSignal): Promise<T> {
    const { client, type, fieldManager, stillHolds } = this.options;
    for (let tries = 1, { resourceVersion } = metadata; ; tries++) {
      const versioned = resourceVersion === undefined ? metadata : { ...metadata, resourceVersion };
      try {
        return await client.applyStatus(type, { metadata: versioned, status }, { fieldManager, force: true }, signal);
      } catch (error) {
        if (stillHolds === undefined || tries === TRIES_MAX || !isApiError(error, 'Conflict')) throw error;
        const current = await client.get(type, metadata, signal);
        if (current.metadata.uid !== metadata.uid || !stillHolds(cached, current)) throw error;
        ({ resourceVersion } = current.metadata);
      }
    }
  }
}
