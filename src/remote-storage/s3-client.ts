import { CopyObjectCommand, HeadObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { limits } from '../base/limits.ts';
import type { S3Location } from './location.ts';

/** Services other than AWS want some region in the signature and mostly ignore which. */
const REGION_OF_OTHER_SERVICES = 'us-east-1';

/** The requests that remote storage in S3 is made of, by whole keys. Errors are the SDK's own. */
export interface S3Connection {
  /** Up to 5 GiB, in one request; a segment has at most 1 GiB. */
  copy(from: string, to: string, abortSignal: AbortSignal): Promise<unknown>;
  head(key: string, abortSignal: AbortSignal): Promise<unknown>;
  close(): void;
}

/** Import this module when it is needed: the SDK behind it takes a third of a second to load. */
export function connectS3({ bucket, region, endpoint, forcePathStyle }: S3Location): S3Connection {
  const signedFor = region ?? (endpoint === undefined ? undefined : REGION_OF_OTHER_SERVICES);
  const client = new S3Client({
    ...(signedFor === undefined ? {} : { region: signedFor }),
    ...(endpoint === undefined ? {} : { endpoint }),
    forcePathStyle,
    maxAttempts: limits.remoteStorageAttemptsMax,
    requestHandler: { connectionTimeout: limits.remoteStorageConnectTimeoutMs },
  });
  return {
    copy: (from, to, abortSignal) => {
      const source = `${bucket}/${from}`.split('/').map(encodeURIComponent).join('/');
      return client.send(new CopyObjectCommand({ Bucket: bucket, CopySource: source, Key: to }), { abortSignal });
    },
    head: (key, abortSignal) => client.send(new HeadObjectCommand({ Bucket: bucket, Key: key }), { abortSignal }),
    close: () => client.destroy(),
  };
}
