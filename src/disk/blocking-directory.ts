import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/failure.ts';
import type { Extent, OpenFile } from './file-system.ts';
import { HoleFinder } from './holes.ts';

/** What reading needs of an open file. */
export type BlockingFile = Pick<OpenFile, 'readAt' | 'extentAt' | typeof Symbol.asyncDispose>;

/**
 * Opens regular files of one directory for reading, on the machine's own disk, in a thread that has nothing else to do: it
 * reads itself instead of asking Node's pool, which with several threads costs more than the reading. Undefined where
 * there is no file.
 */
export function openBlocking(directory: string): { open(fileName: string): Promise<BlockingFile | undefined> } {
  const holes = new HoleFinder();
  return { open: async (fileName) => openFile(join(directory, fileName), holes) };
}

function openFile(path: string, holes: HoleFinder): BlockingFile | undefined {
  let fd: number;
  try {
    // A pipe would keep its reader waiting, and a link may lead anywhere.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ELOOP') return undefined;
    throw error;
  }
  if (!fstatSync(fd).isFile()) {
    closeSync(fd);
    return undefined;
  }
  return {
    // Asynchronous only in that what goes wrong is a rejection.
    readAt: async (buffer, position) => readFully(fd, buffer, position),
    extentAt: async (position): Promise<Extent> => holes.extentAt(fd, position),
    [Symbol.asyncDispose]: async () => closeSync(fd),
  };
}

function readFully(fd: number, buffer: Uint8Array, position: number): number {
  let done = 0;
  while (done < buffer.length) {
    const count = readSync(fd, buffer, done, buffer.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}
