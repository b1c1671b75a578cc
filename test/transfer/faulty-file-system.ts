import type { FileSystem, OpenFile } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';

export type Operation = keyof FileSystem | keyof Omit<OpenFile, typeof Symbol.asyncDispose> | 'close';

/** Asked before each call; throwing makes the call fail before it does anything. */
export type Fault = (operation: Operation, path: string) => void | Promise<void>;

export function systemError(code: string, what = 'injected'): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code });
}

/** A file system, the machine's own unless another is given, with calls that fail on demand. */
export function faultyFileSystem(fault: Fault, base: FileSystem = nodeFileSystem): FileSystem {
  const on = async <Output>(operation: Operation, path: string, run: () => Promise<Output>): Promise<Output> => {
    await fault(operation, path);
    return await run();
  };
  return {
    open: (path, mode) => on('open', path, async () => faultyFile(await base.open(path, mode), path, fault)),
    status: (path) => on('status', path, () => base.status(path)),
    list: (path) => on('list', path, () => base.list(path)),
    makeDirectory: (path) => on('makeDirectory', path, () => base.makeDirectory(path)),
    rename: (from, to) => on('rename', to, () => base.rename(from, to)),
    remove: (path) => on('remove', path, () => base.remove(path)),
    syncDirectory: (path) => on('syncDirectory', path, () => base.syncDirectory(path)),
  };
}

function faultyFile(file: OpenFile, path: string, fault: Fault): OpenFile {
  const on = async <Output>(operation: Operation, run: () => Promise<Output>): Promise<Output> => {
    await fault(operation, path);
    return await run();
  };
  return {
    readAt: (buffer, position) => on('readAt', () => file.readAt(buffer, position)),
    extentAt: (position) => on('extentAt', () => file.extentAt(position)),
    writev: (buffers, position) => on('writev', () => file.writev(buffers, position)),
    datasync: () => on('datasync', () => file.datasync()),
    sync: () => on('sync', () => file.sync()),
    truncate: (sizeBytes) => on('truncate', () => file.truncate(sizeBytes)),
    status: () => on('status', () => file.status()),
    [Symbol.asyncDispose]: () => on('close', async () => await file[Symbol.asyncDispose]()),
  };
}
