import { Failure } from '../base/failure.ts';

/**
 * The objects that safekeepers keep outside of their disks, under keys like `tenant/timeline/segment`: relative, separated
 * by slashes, without empty or dot segments. Operations throw a Failure `RemoteObjectMissing`,
 * `RemoteStorageAccessDenied`, `RemoteStorageUnreachable` (worth another try), `RemoteStorageFailed` (something has to be
 * changed first), or the signal's reason.
 */
export interface RemoteStorage extends AsyncDisposable {
  /** For messages; without credentials. */
  readonly description: string;
  /**
   * Copies an object within the storage; what was at `to` is replaced. Other readers see nothing or the whole copy, and
   * when this returns the copy is durable.
   */
  copy(from: string, to: string, signal: AbortSignal): Promise<void>;
  exists(key: string, signal: AbortSignal): Promise<boolean>;
}

export function remoteObjectMissing(storage: RemoteStorage, key: string, cause?: unknown): Failure {
  return new Failure('RemoteObjectMissing', `there is no object ${key} in ${storage.description}`, {
    retry: 'after-change',
    cause,
  });
}

export function remoteStorageAccessDenied(storage: RemoteStorage, what: string, cause: unknown): Failure {
  const message = `${storage.description} refuses access: ${what}`;
  return new Failure('RemoteStorageAccessDenied', message, { retry: 'after-change', cause });
}

export function remoteStorageUnreachable(storage: RemoteStorage, what: string, cause: unknown): Failure {
  return new Failure('RemoteStorageUnreachable', `${storage.description} does not answer: ${what}`, { cause });
}

export function remoteStorageFailed(storage: RemoteStorage, what: string, cause: unknown): Failure {
  const message = `${storage.description} cannot do it: ${what}`;
  return new Failure('RemoteStorageFailed', message, { retry: 'after-change', cause });
}
