import type { FileSystem } from './file-system.ts';

/** A sync that runs, and the one that everybody waits for who came meanwhile. */
interface DirectorySyncs {
  readonly running: Promise<void>;
  next: Promise<void> | undefined;
}

/**
 * The same file system, but syncs of one directory that are asked for while one of it runs are all done by the next one:
 * a sync covers whatever happened before it began. Many timelines of a tenant that are installed at once share theirs.
 */
export function shareDirectorySyncs(files: FileSystem): FileSystem {
  const syncs = new Map<string, DirectorySyncs>();
  const start = (path: string): Promise<void> => {
    const entry: DirectorySyncs = {
      running: files.syncDirectory(path).finally(() => {
        if (entry.next === undefined) syncs.delete(path);
      }),
      next: undefined,
    };
    syncs.set(path, entry);
    return entry.running;
  };
  const syncDirectory = (path: string): Promise<void> => {
    const entry = syncs.get(path);
    if (entry === undefined) return start(path);
    // What was asked for before the next one began is covered by it; how the running one ends says nothing.
    entry.next ??= entry.running.then(
      () => start(path),
      () => start(path),
    );
    return entry.next;
  };
  return {
    open: (path, mode) => files.open(path, mode),
    status: (path) => files.status(path),
    list: (path) => files.list(path),
    makeDirectory: (path) => files.makeDirectory(path),
    rename: (from, to) => files.rename(from, to),
    remove: (path) => files.remove(path),
    syncDirectory,
  };
}
