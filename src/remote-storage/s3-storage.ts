import type { S3Client } from '@aws-sdk/client-s3';
import { startDeadline, untilAborted } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { S3Location } from './location.ts';
import {
  type RemoteStorage,
  remoteObjectMissing,
  remoteStorageAccessDenied,
  remoteStorageFailed,
  remoteStorageUnreachable,
} from './remote-storage.ts';

/** Services other than AWS want some region in the signature and mostly ignore which. */
const REGION_OF_OTHER_SERVICES = 'us-east-1';
const ACCESS_DENIED_STATUSES: readonly number[] = [401, 403];
const MISSING_OBJECT_ERRORS: readonly string[] = ['NoSuchKey', 'NotFound'];

interface Connection {
  readonly sdk: typeof import('@aws-sdk/client-s3');
  readonly client: S3Client;
}

/**
 * Remote storage in a bucket of S3 or a service that speaks its protocol. Copies are made by the service, so no byte of
 * them passes here. Credentials are found the AWS SDK's own way (environment, shared files, web identity, container and
 * instance metadata). The SDK is loaded with the first operation.
 */
export class S3Storage implements RemoteStorage {
  readonly description: string;
  private readonly location: S3Location;
  private connection: Promise<Connection> | undefined;

  constructor(location: S3Location) {
    this.location = location;
    const where = location.endpoint === undefined ? '' : ` at ${location.endpoint}`;
    this.description = `bucket ${location.bucket}${where}`;
  }

  /** S3 copies objects of up to 5 GiB in one request; a segment has at most 1 GiB. */
  async copy(from: string, to: string, signal: AbortSignal): Promise<void> {
    const { bucket } = this.location;
    const source = `${bucket}/${this.key(from)}`.split('/').map(encodeURIComponent).join('/');
    await this.send(`copying ${from}`, from, signal, ({ client, sdk }, abortSignal) =>
      client.send(new sdk.CopyObjectCommand({ Bucket: bucket, CopySource: source, Key: this.key(to) }), {
        abortSignal,
      }),
    );
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.send(`looking for ${key}`, key, signal, ({ client, sdk }, abortSignal) =>
        client.send(new sdk.HeadObjectCommand({ Bucket: this.location.bucket, Key: this.key(key) }), { abortSignal }),
      );
      return true;
    } catch (error) {
      if (error instanceof Failure && error.reason === 'RemoteObjectMissing') return false;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connection?.then(({ client }) => client.destroy()).catch(() => undefined);
  }

  private key(key: string): string {
    return this.location.prefix === '' ? key : `${this.location.prefix}/${key}`;
  }

  private async send<Output>(
    what: string,
    key: string,
    signal: AbortSignal,
    request: (connection: Connection, abortSignal: AbortSignal) => Promise<Output>,
  ): Promise<Output> {
    using deadline = startDeadline(limits.remoteStorageTimeoutMs, `${what} in ${this.description}`, signal);
    this.connection ??= connect(this.location);
    try {
      // The SDK looks at its signal while it talks, not while it waits to try again.
      return await untilAborted(request(await this.connection, deadline.signal), deadline.signal);
    } catch (cause) {
      deadline.signal.throwIfAborted();
      throw this.explain(key, cause);
    }
  }

  /** By the service's error code and HTTP status; what has no status did not get an answer. */
  private explain(key: string, cause: unknown): Error {
    const name = cause instanceof Error ? cause.name : '';
    const status = httpStatus(cause);
    const what = `${name}: ${describeError(cause)}`;
    if (MISSING_OBJECT_ERRORS.includes(name)) return remoteObjectMissing(this, key, cause);
    if (name === 'CredentialsProviderError') return remoteStorageAccessDenied(this, 'no credentials were found', cause);
    if (status === undefined) return remoteStorageUnreachable(this, what, cause);
    // Who may not list a bucket is told the same of an object that is not there.
    if (ACCESS_DENIED_STATUSES.includes(status)) return remoteStorageAccessDenied(this, `${what} (${key})`, cause);
    if (status === 429 || status >= 500) return remoteStorageUnreachable(this, what, cause);
    return remoteStorageFailed(this, what, cause);
  }
}

async function connect({ region, endpoint, forcePathStyle }: S3Location): Promise<Connection> {
  const sdk = await import('@aws-sdk/client-s3');
  const signedFor = region ?? (endpoint === undefined ? undefined : REGION_OF_OTHER_SERVICES);
  const client = new sdk.S3Client({
    ...(signedFor === undefined ? {} : { region: signedFor }),
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle,
    maxAttempts: limits.remoteStorageAttemptsMax,
    requestHandler: { connectionTimeout: limits.remoteStorageConnectTimeoutMs },
  });
  return { sdk, client };
}

function httpStatus(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('$metadata' in error)) return undefined;
  const metadata: unknown = error.$metadata;
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined;
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined;
}
