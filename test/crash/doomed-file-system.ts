import type { FileSystem, OpenFile } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';

/** Kills this process at the `killAt`-th step that changes the disk; half a write is a step of its own. */
export function doomedFileSystem(killAt: number): FileSystem {
  let steps = 0;
  const step = async () => {
    if (++steps < killAt) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  };
  const after = async <Output>(run: () => Promise<Output>): Promise<Output> => {
    await step();
    return await run();
  };
  return {
    status: (path) => nodeFileSystem.status(path),
    list: (path) => nodeFileSystem.list(path),
    open: async (path, mode) => {
      if (mode === 'Read') return await nodeFileSystem.open(path, mode);
      return doomedFile(await after(() => nodeFileSystem.open(path, mode)), step, after);
    },
    makeDirectory: (path) => after(() => nodeFileSystem.makeDirectory(path)),
    rename: (from, to) => after(() => nodeFileSystem.rename(from, to)),
    remove: (path) => after(() => nodeFileSystem.remove(path)),
    syncDirectory: (path) => after(() => nodeFileSystem.syncDirectory(path)),
  };
}

function doomedFile(
  file: OpenFile,
  step: () => Promise<void>,
  after: <Output>(run: () => Promise<Output>) => Promise<Output>,
): OpenFile {
  return {
    readAt: (buffer, position) => file.readAt(buffer, position),
    extentAt: (position) => file.extentAt(position),
    status: () => file.status(),
    writev: async (buffers, position) => {
      await step();
      const bytes = Buffer.concat(buffers);
      const half = bytes.length >> 1;
      await file.writev([bytes.subarray(0, half)], position);
      await step();
      await file.writev([bytes.subarray(half)], position + half);
    },
    datasync: () => after(() => file.datasync()),
    sync: () => after(() => file.sync()),
    truncate: (sizeBytes) => after(() => file.truncate(sizeBytes)),
    [Symbol.asyncDispose]: async () => await file[Symbol.asyncDispose](),
  };
}
