import type { FileSystem } from '../disk/file-system.ts';
import { openInDirectory } from '../disk/open-in-directory.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { findTimelineEnd } from '../safekeeper/timeline-wal.ts';

/** Where the WAL of a timeline directory ends; of an offloaded timeline where it ended when it was moved away. */
export async function findWalEndOnDisk(
  files: FileSystem,
  directory: string,
  controlFile: ControlFile,
  signal: AbortSignal,
): Promise<Lsn> {
  return await findTimelineEnd(openInDirectory(files, directory), controlFile, signal);
}
