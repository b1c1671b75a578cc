import { startDeadline, untilAborted } from '../base/deadline.ts';
import { describeError, errorCode, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { S3Location } from './location.ts';
import {
  type RemoteStorage,
  remoteObjectMissing,
  remoteStorageAccessDenied,
  remoteStorageFailed,
  remoteStorageUnreachable,
} from './remote-storage.ts';
import type { S3Connection } from './s3-client.ts';

const ACCESS_DENIED_STATUSES: readonly number[] = [401, 403];
const MISSING_OBJECT_ERRORS: readonly string[] = ['NoSuchKey', 'NotFound'];

/**
 * Remote storage in a bucket of S3 or a service that speaks its protocol. Copies are made by the service, so no byte of
 * them passes here. Credentials are found the AWS SDK's own way (environment, shared files, web identity, container and
 * instance metadata). The SDK is loaded with the first operation.
 */
export class S3Storage implements RemoteStorage {
  readonly description: string;
  private readonly location: S3Location;
  private connection: Promise<S3Connection> | undefined;

  constructor(location: S3Location) {
    this.location = location;
    const where = location.endpoint === undefined ? '' : ` at ${location.endpoint}`;
    this.description = `bucket ${location.bucket}${where}`;
  }

  async copy(from: string, to: string, signal: AbortSignal): Promise<void> {
    await this.send(`copying ${from}`, from, signal, (connection, abortSignal) =>
      connection.copy(this.key(from), this.key(to), abortSignal),
    );
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.send(`looking for ${key}`, key, signal, (connection, abortSignal) =>
        connection.head(this.key(key), abortSignal),
      );
      return true;
    } catch (error) {
      if (error instanceof Failure && error.reason === 'RemoteObjectMissing') return false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    (await this.connection)?.close();
  }

  private key(key: string): string {
    return this.location.prefix === '' ? key : `${this.location.prefix}/${key}`;
  }

  private async send(
    what: string,
    key: string,
    signal: AbortSignal,
    request: (connection: S3Connection, abortSignal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    using deadline = startDeadline(limits.remoteStorageTimeoutMs, `${what} in ${this.description}`, signal);
    this.connection ??= import('./s3-client.ts').then(({ connectS3 }) => connectS3(this.location));
    const connection = await this.connection;
    try {
      // The SDK looks at its signal while it talks, not while it waits to try again.
      await untilAborted(request(connection, deadline.signal), deadline.signal);
    } catch (cause) {
      deadline.signal.throwIfAborted();
      throw this.explain(key, cause);
    }
  }

  /** By the service's error code and HTTP status; what has no status got no answer, or was never asked. */
  private explain(key: string, cause: unknown): Error {
    const name = cause instanceof Error ? cause.name : '';
    const status = httpStatus(cause);
    const what = `${name}: ${describeError(cause)}`;
    if (MISSING_OBJECT_ERRORS.includes(name)) return remoteObjectMissing(this, key, cause);
    if (name === 'CredentialsProviderError') return remoteStorageAccessDenied(this, 'no credentials were found', cause);
    if (status === undefined && isOfNetwork(cause)) return remoteStorageUnreachable(this, what, cause);
    if (status === undefined) return remoteStorageFailed(this, what, cause);
    // Who may not list a bucket is told the same of an object that is not there.
    if (ACCESS_DENIED_STATUSES.includes(status)) return remoteStorageAccessDenied(this, `${what} (${key})`, cause);
    if (status === 429 || status >= 500) return remoteStorageUnreachable(this, what, cause);
    return remoteStorageFailed(this, what, cause);
  }
}

function isOfNetwork(error: unknown): boolean {
  return errorCode(error) !== undefined || (error instanceof Error && error.name === 'TimeoutError');
}

function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
