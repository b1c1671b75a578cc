import { assertNever } from '../base/assert.ts';
import { DirectoryStorage } from './directory-storage.ts';
import type { RemoteStorageLocation } from './location.ts';
import type { RemoteStorage } from './remote-storage.ts';
import { S3Storage } from './s3-storage.ts';

/** Touches nothing yet: what is wrong with the place shows with the first operation. */
export function openRemoteStorage(location: RemoteStorageLocation, random: () => string): RemoteStorage {
  switch (location.kind) {
    case 'Directory':
      return new DirectoryStorage(location.path, random);
    case 'S3':
      return new S3Storage(location);
    default:
      return assertNever(location);
  }
}
