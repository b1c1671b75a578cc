import { constants } from 'node:fs';
import { type FileHandle, lstat, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import koffi from 'koffi';
import { errorCode, Failure } from '../base/failure.ts';

export const PID_FILE_NAME = 'safekeeper.pid';

const LOCK_EX = 2;
const LOCK_NB = 4;
const PID_BYTES_MAX = 32;
/** An exclusive flock that is held, as /proc/locks lists it: process, device, inode. */
const FLOCK_LINE = /^[0-9]+: FLOCK +ADVISORY +WRITE ([0-9]+) ([0-9a-f]+:[0-9a-f]+):([0-9]+) /gm;

/**
 * Claims a data directory as a safekeeper does: flock on `safekeeper.pid`, then this process's id as its content. As long as
 * the guard is not disposed, no safekeeper starts on the directory, and this fails while one runs. The file is never
 * removed: a second process could then lock a new one. Throws a Failure `DataDirectoryLocked` or `DataDirectoryMissing`.
 */
export async function acquirePidLock(dataDirectory: string): Promise<AsyncDisposable> {
  const path = join(dataDirectory, PID_FILE_NAME);
  const file = await openPidFile(path, dataDirectory);
  try {
    if (flock()(file.fd, LOCK_EX | LOCK_NB) !== 0) await explainLock(file, dataDirectory);
    await file.truncate(0);
    await file.write(String(process.pid), 0);
    await file.sync();
  } catch (error) {
    await file.close();
    throw error;
  }
  // The kernel drops the lock with the last descriptor, so also when the process dies.
  return { [Symbol.asyncDispose]: () => file.close() };
}

/**
 * The process that holds the pid lock of a data directory; undefined when nobody is seen to. Takes no lock, not even for
 * a moment: it looks the file up in the kernel's list. Not seen are a process in another PID namespace, as of another
 * container, and any on systems other than Linux.
 */
export async function findPidLockHolder(dataDirectory: string): Promise<number | undefined> {
  const path = join(dataDirectory, PID_FILE_NAME);
  // The locks first: what is locked afterwards was not locked yet.
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  const status = await lstat(path).catch(() => undefined);
  if (!status?.isFile() || status.size > PID_BYTES_MAX) return undefined;
  const owner = await readFile(path, 'latin1').catch(() => '');
  for (const [, pid = '', device, inode] of locks.matchAll(FLOCK_LINE)) {
    if (inode !== String(status.ino)) continue;
    // Overlays and some others show the same file with another device.
    if (device === deviceName(status.dev) || pid === owner) return Number(pid);
  }
  return undefined;
}

/** As the kernel prints it: major and minor number in hex. */
function deviceName(device: number): string {
  const major = Math.floor(device / 256) % 4096;
  const minor = (device % 256) + Math.floor(device / 2 ** 20) * 256;
  return [major, minor].map((number) => number.toString(16).padStart(2, '0')).join(':');
}

async function openPidFile(path: string, dataDirectory: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR | constants.O_CREAT, 0o644);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT')
      throw new Failure('DataDirectoryMissing', `the data directory ${dataDirectory} must exist`, {
        retry: 'after-change',
        cause,
      });
    throw new Failure('PidLockFailed', 'the data directory cannot be locked', { retry: 'after-change', cause });
  }
}

async function explainLock(file: FileHandle, dataDirectory: string): Promise<never> {
  const number = koffi.errno();
  if (number !== koffi.os.errno['EWOULDBLOCK'] && number !== koffi.os.errno['EAGAIN']) {
    throw new Failure('PidLockFailed', `cannot lock ${PID_FILE_NAME} in ${dataDirectory}: errno ${number}`);
  }
  const { buffer, bytesRead } = await file.read(Buffer.alloc(PID_BYTES_MAX), 0, PID_BYTES_MAX, 0);
  const owner = buffer.toString('latin1', 0, bytesRead);
  const who = /^[0-9]+$/.test(owner) ? `process ${owner}` : 'another process';
  throw new Failure('DataDirectoryLocked', `${dataDirectory} is in use by ${who}: ${PID_FILE_NAME} is already locked`, {
    retry: 'after-change',
  });
}

/** The C library's flock(2) of the running program: Node has none of its own. */
function flock(): (fd: number, operation: number) => number {
  const call = koffi.load(null).func('int flock(int fd, int operation)');
  return (fd, operation) => Number(call(fd, operation));
}
