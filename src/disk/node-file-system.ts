import { constants, type Dirent, type Stats } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { errorCode } from '../base/failure.ts';
import { DirectWrites } from './direct-writes.ts';
import { HoleFinder } from './holes.ts';
import type { EntryKind, Extent, FileStatus, FileSystem, OpenFile, OpenMode } from './file-system.ts';

const OPEN_FLAGS: Readonly<Record<OpenMode, number>> = {
  Read: constants.O_RDONLY,
  Create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  Replace: constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC,
  Update: constants.O_RDWR | constants.O_CREAT,
};

const holes = new HoleFinder();

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = {
  open: async (path, mode) => new NodeFile(await open(path, OPEN_FLAGS[mode], 0o644)),
  status: async (path) => {
    try {
      return toStatus(await lstat(path));
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  },
  list: async (path) =>
    (await readdir(path, { withFileTypes: true })).map((entry) => ({ name: entry.name, kind: entryKind(entry) })),
  makeDirectory: async (path) => {
    await mkdir(path);
  },
  rename,
  remove: (path) => rm(path, { recursive: true, force: true }),
  syncDirectory: async (path) => {
    const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  },
};

class NodeFile implements OpenFile {
  private readonly handle: FileHandle;
  private readonly directWrites: DirectWrites;

  constructor(handle: FileHandle) {
    this.handle = handle;
    this.directWrites = new DirectWrites(handle.fd);
  }

  async readAt(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const { bytesRead } = await this.handle.read(buffer, done, buffer.length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  async extentAt(position: number): Promise<Extent> {
    return holes.extentAt(this.handle.fd, position);
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const [first] = buffers;
    const directBytes = first === undefined ? 0 : await this.directWrites.write(first, position);
    let rest = withoutFirstBytes(buffers, directBytes);
    let at = position + directBytes;
    while (rest.length > 0) {
      const { bytesWritten } = await this.handle.writev(rest, at);
      at += bytesWritten;
      rest = withoutFirstBytes(rest, bytesWritten);
    }
  }

  datasync(): Promise<void> {
    return this.handle.datasync();
  }

  sync(): Promise<void> {
    return this.handle.sync();
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.handle.truncate(sizeBytes);
  }

  async status(): Promise<FileStatus> {
    return toStatus(await this.handle.stat());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.directWrites[Symbol.asyncDispose]();
    } finally {
      await this.handle.close();
    }
  }
}

/** The system may write less than it was given, for example when the disk fills up. */
function withoutFirstBytes(buffers: readonly Uint8Array[], count: number): Uint8Array[] {
  let skip = count;
  const rest: Uint8Array[] = [];
  for (const buffer of buffers) {
    if (skip >= buffer.length) skip -= buffer.length;
    else {
      rest.push(skip === 0 ? buffer : buffer.subarray(skip));
      skip = 0;
    }
  }
  return rest;
}

function toStatus(stats: Stats): FileStatus {
  return { kind: entryKind(stats), sizeBytes: stats.size, createdMs: stats.birthtimeMs, modifiedMs: stats.mtimeMs };
}

function entryKind(entry: Stats | Dirent): EntryKind {
  if (entry.isFile()) return 'File';
  return entry.isDirectory() ? 'Directory' : 'Other';
}
