import type { WalFile, WalSource } from '../../src/safekeeper/wal-end.ts';

/** Segment files in memory, by name. */
export type WalFiles = Map<string, Buffer>;

export function memoryWalSource(files: ReadonlyMap<string, Buffer>): WalSource {
  return {
    open: (name) => {
      const content = files.get(name);
      return Promise.resolve(content === undefined ? undefined : memoryWalFile(content));
    },
  };
}

function memoryWalFile(content: Buffer): WalFile {
  return {
    readAt: (buffer, position) => Promise.resolve(content.copy(buffer, 0, position)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
