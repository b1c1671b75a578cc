import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { startDeadline } from '../base/deadline.ts';
import { describeError, errorCode } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import {
  type RemoteStorage,
  remoteObjectMissing,
  remoteStorageAccessDenied,
  remoteStorageFailed,
} from './remote-storage.ts';

const COPY_BYTES = 1024 * 1024;
/** As safekeepers name their unfinished uploads. */
const TEMP_SUFFIX = '___temp';

/**
 * Remote storage that is a directory, a mounted volume for example: an object is a file at its key. Safekeepers put
 * `<key>.metadata` beside their uploads and, like this, nothing beside copies. `random` gives digits that make a temp file's
 * name unique.
 */
export class DirectoryStorage implements RemoteStorage {
  readonly description: string;
  private readonly root: string;
  private readonly random: () => string;

  /** `root` is absolute and must exist. */
  constructor(root: string, random: () => string) {
    this.root = root;
    this.random = random;
    this.description = `remote storage ${root}`;
  }

  async copy(from: string, to: string, signal: AbortSignal): Promise<void> {
    using deadline = startDeadline(limits.remoteStorageTimeoutMs, `copying ${from}`, signal);
    if (!(await this.exists(from, deadline.signal))) throw remoteObjectMissing(this, from);
    const target = join(this.root, to);
    const temp = `${target}.${this.random()}${TEMP_SUFFIX}`;
    try {
      const created = await mkdir(dirname(target), { recursive: true });
      await copyDurably(join(this.root, from), temp, deadline.signal);
      await rename(temp, target);
      await syncDirectories(dirname(target), dirname(created ?? target));
    } catch (cause) {
      await rm(temp, { force: true }).catch(() => undefined);
      deadline.signal.throwIfAborted();
      throw this.explain(cause);
    }
  }

  async exists(key: string, signal: AbortSignal): Promise<boolean> {
    signal.throwIfAborted();
    try {
      return (await stat(join(this.root, key))).isFile();
    } catch (cause) {
      if (errorCode(cause) !== 'ENOENT') throw this.explain(cause);
    }
    // No object in a storage that is there, or a storage that is not mounted?
    await stat(this.root).catch((cause: unknown) => {
      throw this.explain(cause);
    });
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Nothing is kept open.
  }

  private explain(cause: unknown): Error {
    const code = errorCode(cause);
    const what = describeError(cause);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return remoteStorageAccessDenied(this, what, cause);
    return remoteStorageFailed(this, what, cause);
  }
}

async function copyDurably(from: string, to: string, signal: AbortSignal): Promise<void> {
  const source = createReadStream(from, { highWaterMark: COPY_BYTES });
  await pipeline(source, createWriteStream(to, { flags: 'wx', highWaterMark: COPY_BYTES }), { signal });
  const file = await open(to);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** From `lowest` up to its ancestor `highest`, both included. */
async function syncDirectories(lowest: string, highest: string): Promise<void> {
  for (let path = lowest; ; path = dirname(path)) {
    const directory = await open(path);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
    if (path === highest) return;
  }
}
