import { join } from 'node:path';
import { errorCode } from '../base/failure.ts';
import { TEMP_DIRECTORY_NAME, TEMP_SUFFIX } from './data-directory.ts';
import type { FileSystem } from './file-system.ts';

/** A directory that is removed when the guard is disposed. */
export interface TempDirectory extends AsyncDisposable {
  readonly path: string;
  /** It was renamed to its final place: there is nothing to remove. */
  release(): void;
}

/**
 * Creates `<data>/tmp/<name>_temptli`, the form that safekeepers use, on the file system of the data directory so that it
 * can be renamed into place. Nothing of it needs to survive a crash. Disposing it never throws: what cannot be removed is
 * handed to `onLeftover`, and swept at the next start.
 */
export async function createTempDirectory(
  files: FileSystem,
  dataDirectory: string,
  name: string,
  onLeftover: (path: string, error: unknown) => void,
): Promise<TempDirectory> {
  const parent = join(dataDirectory, TEMP_DIRECTORY_NAME);
  const path = join(parent, `${name}${TEMP_SUFFIX}`);
  try {
    await files.makeDirectory(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    await ensureParent(files, parent);
    await files.makeDirectory(path);
  }
  let isReleased = false;
  return {
    path,
    release: () => {
      isReleased = true;
    },
    [Symbol.asyncDispose]: async () => {
      if (!isReleased) await files.remove(path).catch((error: unknown) => onLeftover(path, error));
    },
  };
}

async function ensureParent(files: FileSystem, parent: string): Promise<void> {
  try {
    await files.makeDirectory(parent);
  } catch (error) {
    // Somebody else was faster.
    if (errorCode(error) !== 'EEXIST') throw error;
  }
}

/** Removes what interrupted pulls left behind; other entries stay. Only before the first pull, under the pid lock. */
export async function sweepTempDirectories(files: FileSystem, dataDirectory: string): Promise<number> {
  const parent = join(dataDirectory, TEMP_DIRECTORY_NAME);
  if ((await files.status(parent)) === undefined) return 0;
  const leftovers = (await files.list(parent)).filter((entry) => entry.name.endsWith(TEMP_SUFFIX));
  for (const { name } of leftovers) await files.remove(join(parent, name));
  return leftovers.length;
}
