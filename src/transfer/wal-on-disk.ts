import { join } from 'node:path';
import { errorCode } from '../base/failure.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { findWalEnd, type WalSource } from '../safekeeper/wal-end.ts';

/** The segments of a timeline directory. */
function walDirectory(files: FileSystem, directory: string): WalSource {
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

/** Where the WAL of a timeline directory ends; of an offloaded timeline where it ended when it was moved away. */
export async function findWalEndOnDisk(
  files: FileSystem,
  directory: string,
  controlFile: ControlFile,
  signal: AbortSignal,
): Promise<Lsn> {
  if (controlFile.eviction.kind === 'Offloaded') return controlFile.eviction.flushLsn;
  const { walSegmentSize, pgVersion } = controlFile.server;
  const source = walDirectory(files, directory);
  return await findWalEnd({ source, startLsn: controlFile.commitLsn, walSegmentSize, pgVersion, signal });
}
