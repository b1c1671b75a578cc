import { AssertionError } from '../base/assert.ts';
import type { FileSystem } from '../disk/file-system.ts';

/**
 * The same file system for somebody who only looks: regular files are opened for reading, what is no file is not there
 * (a pipe would keep its reader waiting, a link may lead anywhere), and anything that changes something is a broken
 * invariant.
 */
export function readOnlyFiles(files: FileSystem): FileSystem {
  const refuse = (what: string) => () => Promise.reject(new AssertionError(`an inspection does not ${what}`));
  return {
    open: async (path, mode) => {
      if (mode !== 'Read') throw new AssertionError('an inspection only reads');
      if ((await files.status(path))?.kind !== 'File') {
        throw Object.assign(new Error(`${path} is not a file`), { code: 'ENOENT' });
      }
      return await files.open(path, mode);
    },
    status: (path) => files.status(path),
    list: (path) => files.list(path),
    makeDirectory: refuse('make directories'),
    rename: refuse('rename'),
    remove: refuse('remove'),
    syncDirectory: refuse('sync'),
  };
}
