import { describe, expect, test } from 'vitest';
import { parseRemoteStorageLocation } from '../../src/remote-storage/location.ts';

const S3 = { kind: 'S3', prefix: '', region: undefined, endpoint: undefined, forcePathStyle: false };
const ENDPOINT = 'http://minio:9000';

describe('the place of a remote storage', () => {
  test.each([
    ['file:///mnt/remote', { kind: 'Directory', path: '/mnt/remote' }],
    ['file:///mnt/with%20space', { kind: 'Directory', path: '/mnt/with space' }],
    ['s3://wal-backup', { ...S3, bucket: 'wal-backup' }],
    ['s3://wal.backup/safekeepers/eu/', { ...S3, bucket: 'wal.backup', prefix: 'safekeepers/eu' }],
    ['s3://wal?region=eu-west-1', { ...S3, bucket: 'wal', region: 'eu-west-1' }],
    ['s3://wal?path-style=true', { ...S3, bucket: 'wal', forcePathStyle: true }],
    [
      `s3://wal/p?endpoint=${ENDPOINT}`,
      { ...S3, bucket: 'wal', prefix: 'p', endpoint: ENDPOINT, forcePathStyle: true },
    ],
    [`s3://wal?endpoint=${ENDPOINT}&path-style=false`, { ...S3, bucket: 'wal', endpoint: ENDPOINT }],
  ])('%s', (text, location) => expect(parseRemoteStorageLocation(text)).toEqual(location));

  test.each([
    ['', 'is not a URL'],
    ['/mnt/remote', 'is not a URL'],
    ['gs://wal', 'the scheme gs: is not known'],
    ['file:///', 'the directory is missing'],
    ['file://mnt/remote', 'a directory has no host (mnt)'],
    ['file:///mnt?region=eu', 'a directory has no parameters'],
    ['file:///mnt/%zz', 'a % in the path'],
    ['s3://', 'is not a name of a bucket'],
    ['s3://UPPER_case', '"UPPER_case" is not a name of a bucket'],
    ['s3://minio:9000/wal', 'a port belongs into the endpoint'],
    ['s3://wal?regoin=eu', 'the parameter regoin is not known'],
    ['s3://wal?region=eu&region=us', 'the parameter region comes twice'],
    ['s3://wal?endpoint=minio:9000', 'the parameter endpoint has an unknown form'],
    ['s3://wal?path-style=yes', 'the parameter path-style has an unknown form'],
    ['s3://wal#x', 'it ends in #x'],
  ])('%s is refused with the accepted form', (text, problem) => {
    expect(messageOf(text)).toContain('must be file:///absolute/path or s3://bucket/prefix?region=');
    expect(messageOf(text)).toContain(problem);
  });

  test.each(['s3://key:hidden@wal', `s3://wal?endpoint=http://key:hidden@minio:9000`])(
    'credentials are refused and not repeated: %s',
    (text) => expect(messageOf(text)).not.toContain('hidden'),
  );
});

function messageOf(text: string): string {
  try {
    parseRemoteStorageLocation(text);
  } catch (error) {
    expect(error).toMatchObject({ reason: 'InvalidRemoteStorage', retry: 'never' });
    return error instanceof Error ? error.message : '';
  }
  throw new Error(`${text} was accepted`);
}
