import { basename, dirname, join } from 'node:path';
import { describeError, errorCode, Failure } from '../base/failure.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { FileWriter, WriteBuffers } from './file-writer.ts';
import type { ArchiveSink } from './pass-archive.ts';
import type { TransferMemory } from './transfer-memory.ts';
import { generatedBody, type SnapshotBody } from './watched-body.ts';

export interface ArchiveFileOptions {
  readonly files: FileSystem;
  readonly memory: TransferMemory;
  /** Letters and digits, different at each call: a part of a temporary name. */
  readonly random: () => string;
  /** Whether a file that is there already is replaced; anything else than a file never is. */
  readonly replace: boolean;
}

/**
 * Writes a file that is there whole or not at all, and durable: what `produce` writes goes to a hidden
 * `.<name>.<random>.partial` beside it, which gets the name only when `produce` has returned. On every other way out it is
 * removed; only a process that is killed leaves it. Blocks of zeros become holes. Failures: `PathExists`,
 * `DirectoryMissing`, `DiskFull`, `DiskFailed`, and those of `produce`.
 */
export async function writeArchiveFile<Output>(
  path: string,
  options: ArchiveFileOptions,
  produce: (sink: ArchiveSink) => Promise<Output>,
): Promise<Output> {
  const { files, replace } = options;
  const directory = dirname(path);
  return await explainDiskFailures(`${path} cannot be written`, async () => {
    if ((await files.status(directory)) === undefined) {
      throw new Failure('DirectoryMissing', `there is no directory ${directory}`, { retry: 'after-change' });
    }
    await requireFree(files, path, replace);
    const partialPath = join(directory, `.${basename(path)}.${options.random()}.partial`);
    try {
      const output = await writePartial(partialPath, options, produce);
      await requireFree(files, path, replace);
      await files.rename(partialPath, path);
      await files.syncDirectory(directory);
      return output;
    } catch (error) {
      await files.remove(partialPath).catch(() => undefined);
      throw error;
    }
  });
}

async function writePartial<Output>(
  path: string,
  { files, memory }: ArchiveFileOptions,
  produce: (sink: ArchiveSink) => Promise<Output>,
): Promise<Output> {
  await using buffers = new WriteBuffers(memory);
  await using writer = await FileWriter.create(files, path, 0, buffers);
  let sizeBytes = 0;
  const output = await produce({
    write: async (bytes) => {
      sizeBytes += bytes.length;
      await writer.write(bytes);
    },
  });
  const file = await writer.finish();
  // It may end in a hole.
  await file.truncate(sizeBytes);
  await file.sync();
  return output;
}

async function requireFree(files: FileSystem, path: string, replace: boolean): Promise<void> {
  const there = await files.status(path);
  if (there === undefined || (replace && there.kind === 'File')) return;
  const how = there.kind === 'File' ? 'it is only replaced with --force' : 'it is not a regular file';
  throw new Failure('PathExists', `${path} exists already and ${how}`, { retry: 'after-change' });
}

/** An archive on disk. */
export interface ArchiveFile {
  readonly body: SnapshotBody;
  readonly sizeBytes: number;
}

/**
 * Finds an archive file; it is opened when its body is read, and closed when that has ended or is destroyed. Symbolic links
 * are not followed. Throws a Failure `ArchiveUnreadable`.
 */
export async function openArchiveFile(files: FileSystem, path: string, memory: TransferMemory): Promise<ArchiveFile> {
  const there = await readable(path, () => files.status(path));
  if (there === undefined) throw unreadable(path, new Error('there is no such file'));
  if (there.kind !== 'File') throw unreadable(path, new Error('it is not a regular file; - reads standard input'));
  return { body: generatedBody((signal) => readPieces(files, path, memory, signal)), sizeBytes: there.sizeBytes };
}

/** Each piece is overwritten by the next. */
async function* readPieces(
  files: FileSystem,
  path: string,
  { readBuffers, zeros }: TransferMemory,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  await using file = await readable(path, () => files.open(path, 'Read'));
  using buffer = readBuffers.take();
  const { sizeBytes } = await file.status();
  for (let position = 0; position < sizeBytes; ) {
    signal.throwIfAborted();
    const { kind, end } = await file.extentAt(position);
    const left = Math.min(end, sizeBytes) - position;
    const piece = (kind === 'Hole' ? zeros : buffer.bytes).subarray(0, left);
    const read = kind === 'Hole' ? piece.length : await readable(path, () => file.readAt(piece, position));
    if (read === 0) throw unreadable(path, new Error('it became shorter while it was read'));
    yield piece.subarray(0, read);
    position += read;
  }
}

async function readable<Output>(path: string, work: () => Promise<Output>): Promise<Output> {
  try {
    return await work();
  } catch (cause) {
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): Failure {
  const options = { retry: 'after-change', cause } as const;
  const code = errorCode(cause);
  const problem = code === 'EACCES' || code === 'EPERM' ? 'permission denied' : describeError(cause);
  return new Failure('ArchiveUnreadable', `${path} cannot be read: ${problem}`, options);
}
