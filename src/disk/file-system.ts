/** What lies at a path, without following symbolic links. */
export interface FileStatus {
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  readonly createdMs: number;
  readonly modifiedMs: number;
}

export type EntryKind = 'File' | 'Directory' | 'Other';

export interface DirectoryEntry {
  readonly name: string;
  readonly kind: EntryKind;
}

/**
 * `Read`: an existing file. `Create`: a new file, `EEXIST` when anything is there already. `Replace`: a new or emptied file.
 * `Update`: a new file or an existing one with its content.
 */
export type OpenMode = 'Read' | 'Create' | 'Replace' | 'Update';

/** A part of a file: bytes, or a hole, which takes no room on the disk and reads as zeros. */
export interface Extent {
  readonly kind: 'Data' | 'Hole';
  /** The first position behind it; Infinity: it reaches to the file's end. */
  readonly end: number;
}

/** An open file; disposing it closes it. Positions are bytes from the file's start. */
export interface OpenFile extends AsyncDisposable {
  /** Fills `buffer` from `position` on; fewer bytes only at the end of the file. */
  readAt(buffer: Uint8Array, position: number): Promise<number>;
  /** What `position`, within the file, lies in. Where holes are not known everything counts as data. */
  extentAt(position: number): Promise<Extent>;
  /** Writes all bytes of all buffers, one after another from `position` on. */
  writev(buffers: readonly Uint8Array[], position: number): Promise<void>;
  /** Makes content and size durable. */
  datasync(): Promise<void>;
  /** Makes content, size and the rest of the metadata durable. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  status(): Promise<FileStatus>;
}

/**
 * Everything this program does to a disk, so that tests can fail or record any call. Errors are the system's own, with
 * their `code` (`ENOSPC`, `EEXIST`, …). Nothing is durable before the file *and* the directory that names it are synced.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<OpenFile>;
  /** Undefined when there is nothing. */
  status(path: string): Promise<FileStatus | undefined>;
  list(path: string): Promise<DirectoryEntry[]>;
  /** `EEXIST` when anything is there already; the parent must exist. */
  makeDirectory(path: string): Promise<void>;
  /** The system's rename: replaces a file, or an empty directory by a directory, without a word. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole directory; nothing there is no error. */
  remove(path: string): Promise<void>;
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>;
}
