import type { EntryKind, Extent, FileStatus, FileSystem, OpenFile, OpenMode } from '../../src/disk/file-system.ts';
import { type ModelledDisk, ROOT } from './modelled-disk.ts';

/** Whether syncs of a file or directory do nothing, as if the program had forgotten them. */
export type ForgottenSync = (path: string) => boolean;

/** A disk in memory behind the port: quick, and with a history of all changes. Paths are absolute. */
export function modelledFileSystem(disk: ModelledDisk, isForgotten: ForgottenSync = () => false): FileSystem {
  return new ModelledFileSystem(disk, isForgotten);
}

export function exists(disk: ModelledDisk, path: string): boolean {
  return find(disk, path) !== undefined;
}

/** What a directory holds; nothing when there is none. */
export function listNames(disk: ModelledDisk, path: string): string[] {
  return [...(disk.tree.directories.get(find(disk, path) ?? -1)?.keys() ?? [])];
}

/** Files of a directory by name; nothing when there is none. */
export function readFiles(disk: ModelledDisk, path: string): Map<string, Buffer> {
  const inode = find(disk, path);
  const entries = inode === undefined ? undefined : disk.tree.directories.get(inode);
  const contents = [...(entries ?? [])].map(([name, file]) => [name, disk.tree.contents.get(file)] as const);
  return new Map(contents.filter((entry): entry is [string, Buffer] => entry[1] !== undefined));
}

/** Puts files into a directory, with all directories above it. */
export function layFiles(disk: ModelledDisk, path: string, files: ReadonlyMap<string, Uint8Array>): void {
  let directory = ROOT;
  for (const name of namesOf(path)) {
    const existing = disk.tree.directories.get(directory)?.get(name);
    const inode = existing ?? disk.newInode();
    if (existing === undefined) disk.record({ kind: 'MakeDirectory', directory, name, inode });
    directory = inode;
  }
  for (const [name, content] of files) {
    const inode = disk.newInode();
    disk.record({ kind: 'MakeFile', directory, name, inode });
    disk.record({ kind: 'Write', inode, position: 0, bytes: Buffer.from(content) });
  }
}

class ModelledFileSystem implements FileSystem {
  private readonly disk: ModelledDisk;
  private readonly isForgotten: ForgottenSync;

  constructor(disk: ModelledDisk, isForgotten: ForgottenSync) {
    this.disk = disk;
    this.isForgotten = isForgotten;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    const existing = find(this.disk, path);
    if (existing === undefined && mode === 'Read') throw systemError('ENOENT', path);
    if (existing !== undefined && mode === 'Create') throw systemError('EEXIST', path);
    const inode = existing ?? this.create('MakeFile', path);
    if (!this.disk.tree.contents.has(inode)) throw systemError('EISDIR', path);
    if (mode === 'Replace') this.disk.record({ kind: 'Truncate', inode, sizeBytes: 0 });
    return new ModelledFile(this.disk, inode, this.isForgotten(path));
  }

  async status(path: string): Promise<FileStatus | undefined> {
    const inode = find(this.disk, path);
    return inode === undefined ? undefined : statusOf(this.disk, inode);
  }

  async list(path: string): Promise<Array<{ name: string; kind: EntryKind }>> {
    const entries = [...this.directory(path).entries];
    return entries.map(([name, inode]) => ({ name, kind: statusOf(this.disk, inode).kind }));
  }

  async makeDirectory(path: string): Promise<void> {
    if (find(this.disk, path) !== undefined) throw systemError('EEXIST', path);
    this.create('MakeDirectory', path);
  }

  async rename(from: string, to: string): Promise<void> {
    const source = this.parent(from);
    const target = this.parent(to);
    const inode = source.entries.get(source.name);
    if (inode === undefined) throw systemError('ENOENT', from);
    const replaced = target.entries.get(target.name);
    if (replaced !== undefined && (this.disk.tree.directories.get(replaced)?.size ?? 0) > 0) {
      throw systemError('ENOTEMPTY', to);
    }
    this.disk.record({
      kind: 'Rename',
      from: source.inode,
      name: source.name,
      directory: target.inode,
      newName: target.name,
      inode,
    });
  }

  async remove(path: string): Promise<void> {
    const inode = find(this.disk, path);
    if (inode === undefined) return;
    const names = [...(this.disk.tree.directories.get(inode)?.keys() ?? [])];
    for (const name of names) await this.remove(`${path}/${name}`);
    const { inode: directory, name } = this.parent(path);
    this.disk.record({ kind: 'Unlink', directory, name, inode });
  }

  async syncDirectory(path: string): Promise<void> {
    const { inode } = this.directory(path);
    const covered = this.disk.changes.length;
    await nextTurn();
    if (!this.isForgotten(path)) this.disk.record({ kind: 'SyncDirectory', inode, covered });
  }

  private create(kind: 'MakeFile' | 'MakeDirectory', path: string): number {
    const { inode: directory, name } = this.parent(path);
    const inode = this.disk.newInode();
    this.disk.record({ kind, directory, name, inode });
    return inode;
  }

  private parent(path: string): { inode: number; entries: ReadonlyMap<string, number>; name: string } {
    const at = path.lastIndexOf('/');
    return { ...this.directory(path.slice(0, at)), name: path.slice(at + 1) };
  }

  private directory(path: string): { inode: number; entries: ReadonlyMap<string, number> } {
    const inode = find(this.disk, path);
    if (inode === undefined) throw systemError('ENOENT', path);
    const entries = this.disk.tree.directories.get(inode);
    if (entries === undefined) throw systemError('ENOTDIR', path);
    return { inode, entries };
  }
}

class ModelledFile implements OpenFile {
  private readonly disk: ModelledDisk;
  private readonly inode: number;
  private readonly forgetsSync: boolean;

  constructor(disk: ModelledDisk, inode: number, forgetsSync: boolean) {
    this.disk = disk;
    this.inode = inode;
    this.forgetsSync = forgetsSync;
  }

  async readAt(buffer: Uint8Array, position: number): Promise<number> {
    const content = this.disk.tree.contents.get(this.inode) ?? Buffer.alloc(0);
    return content.copy(buffer, 0, Math.min(position, content.length));
  }

  async extentAt(): Promise<Extent> {
    return { kind: 'Data', end: Infinity };
  }

  async writev(buffers: readonly Uint8Array[], position: number): Promise<void> {
    this.disk.record({ kind: 'Write', inode: this.inode, position, bytes: Buffer.concat(buffers) });
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  /** What is written while it runs is not covered. */
  async sync(): Promise<void> {
    const covered = this.disk.changes.length;
    await nextTurn();
    if (!this.forgetsSync) this.disk.record({ kind: 'SyncFile', inode: this.inode, covered });
  }

  async truncate(sizeBytes: number): Promise<void> {
    this.disk.record({ kind: 'Truncate', inode: this.inode, sizeBytes });
  }

  async status(): Promise<FileStatus> {
    return statusOf(this.disk, this.inode);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function find(disk: ModelledDisk, path: string): number | undefined {
  let inode: number | undefined = ROOT;
  for (const name of namesOf(path)) {
    inode = inode === undefined ? undefined : disk.tree.directories.get(inode)?.get(name);
  }
  return inode;
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '');
}

function statusOf(disk: ModelledDisk, inode: number): FileStatus {
  const content = disk.tree.contents.get(inode);
  return {
    kind: content === undefined ? 'Directory' : 'File',
    sizeBytes: content?.length ?? 0,
    createdMs: 0,
    modifiedMs: 0,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}
