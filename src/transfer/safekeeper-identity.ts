import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { SAFEKEEPER_ID_BYTES_MAX, SAFEKEEPER_ID_FILE_NAME } from '../disk/data-directory.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { readSmallFile, writeFileDurably } from '../disk/durable.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { parseSafekeeperId, type SafekeeperId } from '../domain/ids.ts';

/**
 * Who the safekeeper of this data directory is: what `safekeeper.id` says (decimal digits, nothing else), which must agree
 * with `configured` when both are given; a `configured` id is written when there is no file. Throws a Failure
 * `SafekeeperIdMissing`, `SafekeeperIdInvalid`, `SafekeeperIdConflict`, `DiskFull` or `DiskFailed`.
 */
export async function readSafekeeperId(
  files: FileSystem,
  dataDirectory: string,
  configured: SafekeeperId | undefined,
): Promise<SafekeeperId> {
  const path = join(dataDirectory, SAFEKEEPER_ID_FILE_NAME);
  const content = await explainDiskFailures('the safekeeper id cannot be read', () =>
    readSmallFile(files, path, SAFEKEEPER_ID_BYTES_MAX),
  );
  if (content === undefined) {
    if (configured === undefined) {
      throw new Failure('SafekeeperIdMissing', `${path} does not exist: give the safekeeper's id with --id`, {
        retry: 'never',
      });
    }
    await explainDiskFailures('the safekeeper id cannot be written', () =>
      writeFileDurably(files, path, Buffer.from(configured.toString())),
    );
    return configured;
  }
  const stored = parseSafekeeperId(Buffer.from(content).toString('latin1'));
  if (stored === undefined) {
    throw new Failure('SafekeeperIdInvalid', `${path} must hold decimal digits only, without a newline`, {
      retry: 'never',
    });
  }
  if (configured !== undefined && configured !== stored) {
    throw new Failure(
      'SafekeeperIdConflict',
      `the data directory belongs to safekeeper ${stored}, it cannot be ${configured}`,
      { retry: 'never' },
    );
  }
  return stored;
}
