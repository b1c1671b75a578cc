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

/**
 * Numbers of descriptors are given to other files as soon as one is closed: closing waits for what is under way, and nothing
 * is done with a closed file.
 */
class NodeFile implements OpenFile {
  private readonly fd: number;
  private readonly directWrites: DirectWrites;
  private readonly underWay = new Set<Promise<unknown>>();
  private closing: Promise<void> | undefined;

  constructor(fd: number) {
    this.fd = fd;
    this.directWrites = new DirectWrites(fd);
  }

  readAt(buffer: Uint8Array, position: number): Promise<number> {
    return this.use(async (fd) => {
      let done = 0;
      while (done < buffer.length) {
        const count = await descriptor.read(fd, buffer.subarray(done), position + done);
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  extentAt(position: number): Promise<Extent> {
    return this.use(async (fd) => holes.extentAt(fd, position));
  }

  writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    return this.use(async (fd) => {
      const [first] = buffers;
      const directBytes = first === undefined ? 0 : await this.directWrites.write(first, position);
      let rest = withoutFirstBytes(buffers, directBytes);
      let at = position + directBytes;
      while (rest.length > 0) {
        const count = await descriptor.writev(fd, rest, at);
        at += count;
        rest = withoutFirstBytes(rest, count);
      }
    });
  }

  datasync(): Promise<void> {
    return this.use(descriptor.datasync);
  }

  sync(): Promise<void> {
    return this.use(descriptor.sync);
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.use((fd) => descriptor.truncate(fd, sizeBytes));
  }

  status(): Promise<FileStatus> {
    return this.use(async (fd) => toStatus(await descriptor.status(fd)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.closing ??= this.close();
    return this.closing;
  }

  private async use<Value>(call: (fd: number) => Promise<Value>): Promise<Value> {
    if (this.closing !== undefined) throw Object.assign(new Error('EBADF: the file is closed'), { code: 'EBADF' });
    const running = call(this.fd);
    this.underWay.add(running);
    try {
      return await running;
    } finally {
      this.underWay.delete(running);
    }
  }

  private async close(): Promise<void> {
    await Promise.allSettled(this.underWay);
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
