import { join } from 'node:path';
import { errorCode } from '../base/failure.ts';
import type { FileSystem, OpenFile } from './file-system.ts';

/** Opens files of one directory for reading by their names; undefined where there is none. */
export interface ReadableDirectory {
  open(fileName: string): Promise<OpenFile | undefined>;
}

export function openInDirectory(files: FileSystem, directory: string): ReadableDirectory {
  return {
    open: async (fileName) => {
      try {
        return await files.open(join(directory, fileName), 'Read');
      } catch (error) {
        if (errorCode(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
  };
}
