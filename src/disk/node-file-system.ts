import { constants, type Dirent, type Stats } from 'node:fs';
import { lstat, mkdir, readdir, rename, rm } from 'node:fs/promises';
import { errorCode } from '../base/failure.ts';
import { DirectWrites } from './direct-writes.ts';
import * as descriptor from './descriptor.ts';
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
  open: async (path, mode) => new NodeFile(await descriptor.open(path, OPEN_FLAGS[mode], 0o644)),
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
    const directory = await descriptor.open(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await descriptor.sync(directory);
    } finally {
      descriptor.close(directory);
    }
  },
};

class NodeFile implements OpenFile {
  private readonly fd: number;
  private readonly directWrites: DirectWrites;

  constructor(fd: number) {
    this.fd = fd;
    this.directWrites = new DirectWrites(fd);
  }

  async readAt(buffer: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < buffer.length) {
      const count = await descriptor.read(this.fd, buffer.subarray(done), position + done);
      if (count === 0) break;
      done += count;
    }
    return done;
  }

  async extentAt(position: number): Promise<Extent> {
    return holes.extentAt(this.fd, position);
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    const [first] = buffers;
    const directBytes = first === undefined ? 0 : await this.directWrites.write(first, position);
    let rest = withoutFirstBytes(buffers, directBytes);
    let at = position + directBytes;
    while (rest.length > 0) {
      const count = await descriptor.writev(this.fd, rest, at);
      at += count;
      rest = withoutFirstBytes(rest, count);
    }
  }

  datasync(): Promise<void> {
    return descriptor.datasync(this.fd);
  }

  sync(): Promise<void> {
    return descriptor.sync(this.fd);
  }

  truncate(sizeBytes: number): Promise<void> {
    return descriptor.truncate(this.fd, sizeBytes);
  }

  async status(): Promise<FileStatus> {
    return toStatus(await descriptor.status(this.fd));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.directWrites[Symbol.asyncDispose]();
    } finally {
      descriptor.close(this.fd);
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
