import { dirname } from 'node:path';
import { errorCode, Failure } from '../base/failure.ts';
import type { FileSystem } from './file-system.ts';

/**
 * Replaces the file's content so that a crash leaves the old or the new content, never a mixture: writes
 * `<path>.partial`, syncs it, renames it, syncs the directory. Two writers of one path must be kept apart by the caller.
 */
export async function writeFileDurably(files: FileSystem, path: string, content: Uint8Array): Promise<void> {
  const partialPath = `${path}.partial`;
  {
    await using file = await files.open(partialPath, 'Replace');
    await file.writev([content], 0);
    await file.sync();
  }
  await files.rename(partialPath, path);
  await files.syncDirectory(dirname(path));
}

/**
 * Moves a directory to a place where there is nothing, durably: names in `synced`, one of the two parents, survive from
 * then on. When they cannot be synced the move is undone. Throws a Failure `PathExists` when anything is there: rename alone
 * would silently replace an empty directory. The caller keeps other writers of both places away.
 */
export async function moveDirectory(files: FileSystem, from: string, to: string, synced: string): Promise<void> {
  if ((await files.status(to)) !== undefined) {
    throw new Failure('PathExists', `${to} exists already`, { retry: 'after-change' });
  }
  await files.rename(from, to);
  try {
    await files.syncDirectory(synced);
  } catch (error) {
    // Whoever is told of the failure must find things as they were, on the disk too: temp directories are removed.
    await files.rename(to, from);
    await files.syncDirectory(synced);
    throw error;
  }
}

/** Creates a directory when there is none, durably; what is put into it is not durable before it is synced itself. */
export async function ensureDirectory(files: FileSystem, path: string): Promise<void> {
  try {
    await files.makeDirectory(path);
  } catch (error) {
    if (errorCode(error) !== 'EEXIST') throw error;
  }
  await files.syncDirectory(dirname(path));
}

/** The whole file, undefined when there is none. Throws a Failure `FileTooLarge` beyond `sizeBytesMax`. */
export async function readSmallFile(
  files: FileSystem,
  path: string,
  sizeBytesMax: number,
): Promise<Uint8Array | undefined> {
  if ((await files.status(path)) === undefined) return undefined;
  await using file = await files.open(path, 'Read');
  const { sizeBytes } = await file.status();
  if (sizeBytes > sizeBytesMax) {
    throw new Failure('FileTooLarge', `${path} has ${sizeBytes} bytes, at most ${sizeBytesMax} are accepted`, {
      retry: 'never',
    });
  }
  const content = Buffer.alloc(sizeBytes);
  return content.subarray(0, await file.readAt(content, 0));
}
