import { statfs } from 'node:fs/promises';

export interface DiskUsage {
  readonly capacityBytes: bigint;
  readonly usedBytes: bigint;
}

/** Size and use of the file system that holds `path`. */
export type DiskUsageProbe = (path: string) => Promise<DiskUsage>;

/** What is reserved for the superuser counts as used: others cannot write there. */
export const nodeDiskUsage: DiskUsageProbe = async (path) => {
  const { blocks, bavail, bsize } = await statfs(path, { bigint: true });
  return { capacityBytes: blocks * bsize, usedBytes: (blocks - bavail) * bsize };
};
