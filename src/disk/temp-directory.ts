import { join } from 'node:path';
import { errorCode } from '../base/failure.ts';
import type { FileSystem } from './file-system.ts';

const SUFFIX = '_temptli';

/** A directory that is removed when the guard is disposed, unless it was renamed to its final place before. */
export interface TempDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Creates `<data>/tmp/<name>_<random>_temptli`, the form that safekeepers use, on the file system of the data directory
 * so that it can be renamed into place. Nothing of it needs to survive a crash. `random` gives digits that make the name unique.
 */
export async function createTempDirectory(
  files: FileSystem,
  dataDirectory: string,
  name: string,
  random: () => string,
): Promise<TempDirectory> {
  const parent = join(dataDirectory, 'tmp');
  try {
    await files.makeDirectory(parent);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  const path = join(parent, `${name}_${random()}${SUFFIX}`);
  await files.makeDirectory(path);
  return { path, [Symbol.asyncDispose]: () => files.remove(path) };
}

/** Removes what interrupted pulls left behind; other entries stay. Only before the first pull, under the pid lock. */
export async function sweepTempDirectories(files: FileSystem, dataDirectory: string): Promise<number> {
  const parent = join(dataDirectory, 'tmp');
  if ((await files.status(parent)) === undefined) return 0;
  const leftovers = (await files.list(parent)).filter((entry) => entry.name.endsWith(SUFFIX));
  for (const { name } of leftovers) await files.remove(join(parent, name));
  return leftovers.length;
}
