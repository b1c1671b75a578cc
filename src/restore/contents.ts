import { join } from 'node:path';
import {
  QUARANTINE_DIRECTORY_NAME,
  SAFEKEEPER_ID_FILE_NAME,
  TEMP_DIRECTORY_NAME,
  UNFINISHED_FILE_NAME,
} from '../disk/data-directory.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { writeFileDurably } from '../disk/durable.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { PID_FILE_NAME } from '../disk/pid-lock.ts';
import { ID_PATTERN } from '../domain/ids.ts';

/** What an empty data directory may have. */
const IGNORED = new Set([
  'lost+found',
  TEMP_DIRECTORY_NAME,
  SAFEKEEPER_ID_FILE_NAME,
  PID_FILE_NAME,
  QUARANTINE_DIRECTORY_NAME,
]);
const OWN_NAMES = /^safekeeper-operator\.|^safekeeper\.id\.partial$/;
const ID = new RegExp(ID_PATTERN);

/** What lies in a data directory. */
export type Contents =
  | { readonly kind: 'Empty' }
  /** An earlier restore was broken off, or left something out: it is to go on. */
  | { readonly kind: 'Unfinished' }
  | { readonly kind: 'Timelines'; readonly count: number }
  /** No timeline, but things that nobody here has put there. */
  | { readonly kind: 'Foreign'; readonly names: readonly string[] };

/** Throws a Failure `DiskFailed` when the directory cannot be read. */
export async function readContents(files: FileSystem, dataDirectory: string): Promise<Contents> {
  return await explainDiskFailures('the data directory cannot be read', async () => {
    const entries = await files.list(dataDirectory);
    if (entries.some(({ name }) => name === UNFINISHED_FILE_NAME)) return { kind: 'Unfinished' };
    const tenants = entries.filter(({ name, kind }) => kind === 'Directory' && ID.test(name));
    let count = 0;
    for (const { name } of tenants) {
      count += (await files.list(join(dataDirectory, name))).filter((entry) => ID.test(entry.name)).length;
    }
    if (count > 0) return { kind: 'Timelines', count };
    const known = new Set(tenants.map(({ name }) => name));
    const foreign = entries.map(({ name }) => name).filter((name) => !known.has(name) && !isIgnored(name));
    return foreign.length === 0 ? { kind: 'Empty' } : { kind: 'Foreign', names: foreign.sort() };
  });
}

/** From here on a later run goes on with the restore, whatever became of this one. Throws a Failure `DiskFull` or `DiskFailed`. */
export async function markUnfinished(files: FileSystem, dataDirectory: string): Promise<void> {
  await explainDiskFailures('the data directory cannot be written', () =>
    writeFileDurably(files, join(dataDirectory, UNFINISHED_FILE_NAME), Buffer.alloc(0)),
  );
}

/** Everything is there. */
export async function markFinished(files: FileSystem, dataDirectory: string): Promise<void> {
  await explainDiskFailures('the data directory cannot be written', async () => {
    await files.remove(join(dataDirectory, UNFINISHED_FILE_NAME));
    await files.syncDirectory(dataDirectory);
  });
}

function isIgnored(name: string): boolean {
  return IGNORED.has(name) || OWN_NAMES.test(name);
}
