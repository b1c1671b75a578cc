/**
 * A disk as an inode graph, changed step by step, that knows what a power loss may take away: everything whose file or
 * directory was not synced since. Data and names are lost independently of each other, as file systems promise no order
 * between them. A rename is one change, durable with either of its directories, as in every journal.
 */

export const ROOT = 0;

/** `SyncFile` and `SyncDirectory` say that the changes of that inode before the `covered`-th are durable. */
export type Change =
  | { readonly kind: 'MakeFile' | 'MakeDirectory'; readonly directory: number; readonly name: string; inode: number }
  | { readonly kind: 'Unlink'; readonly directory: number; readonly name: string; readonly inode: number }
  | {
      readonly kind: 'Rename';
      readonly from: number;
      readonly name: string;
      readonly directory: number;
      readonly newName: string;
      readonly inode: number;
    }
  | { readonly kind: 'Write'; readonly inode: number; readonly position: number; readonly bytes: Buffer }
  | { readonly kind: 'Truncate'; readonly inode: number; readonly sizeBytes: number }
  | { readonly kind: 'SyncFile' | 'SyncDirectory'; readonly inode: number; readonly covered: number };

/** What becomes of a change that was not synced; `Zeros`: a write's size without its bytes; `HalfThePages`: of a write. */
export type Fate = 'Kept' | 'Lost' | 'Zeros' | 'HalfThePages';
export type PowerLoss = (change: Change) => Fate;

const PAGE_BYTES = 4096;

/** What lies on a disk. Contents are never changed in place, so that trees share them. */
export class Tree {
  readonly directories: Map<number, Map<string, number>>;
  readonly contents: Map<number, Buffer>;

  constructor(directories: ReadonlyMap<number, ReadonlyMap<string, number>>, contents: ReadonlyMap<number, Buffer>) {
    this.directories = new Map([...directories].map(([inode, entries]) => [inode, new Map(entries)]));
    this.contents = new Map(contents);
  }

  static empty(): Tree {
    return new Tree(new Map([[ROOT, new Map()]]), new Map());
  }

  clone(): Tree {
    return new Tree(this.directories, this.contents);
  }

  apply(change: Change, fate: Exclude<Fate, 'Lost'> = 'Kept'): void {
    switch (change.kind) {
      case 'MakeFile':
        this.contents.set(change.inode, this.contents.get(change.inode) ?? Buffer.alloc(0));
        return void this.entries(change.directory).set(change.name, change.inode);
      case 'MakeDirectory':
        this.entries(change.inode);
        return void this.entries(change.directory).set(change.name, change.inode);
      case 'Unlink':
        return this.unlink(change.directory, change.name, change.inode);
      case 'Rename':
        this.unlink(change.from, change.name, change.inode);
        return void this.entries(change.directory).set(change.newName, change.inode);
      case 'Write':
        return this.write(change.inode, change.position, change.bytes, fate);
      case 'Truncate': {
        const before = this.contents.get(change.inode) ?? Buffer.alloc(0);
        const after = Buffer.alloc(change.sizeBytes);
        before.copy(after);
        return void this.contents.set(change.inode, after);
      }
      case 'SyncFile':
      case 'SyncDirectory':
    }
  }

  /** Of a directory that may have lost its own name. */
  private entries(directory: number): Map<string, number> {
    const entries = this.directories.get(directory) ?? new Map<string, number>();
    this.directories.set(directory, entries);
    return entries;
  }

  private unlink(directory: number, name: string, inode: number): void {
    const entries = this.entries(directory);
    if (entries.get(name) === inode) entries.delete(name);
  }

  private write(inode: number, position: number, bytes: Buffer, fate: Fate): void {
    const before = this.contents.get(inode) ?? Buffer.alloc(0);
    const after = Buffer.alloc(Math.max(before.length, position + bytes.length));
    before.copy(after);
    const copied = fate === 'Zeros' ? 0 : bytes.length;
    for (let at = 0, page = 0; at < copied; page++) {
      const next = Math.min(bytes.length, at + PAGE_BYTES - ((position + at) % PAGE_BYTES));
      if (fate === 'Kept' || page % 2 === 1) bytes.copy(after, position + at, at, next);
      at = next;
    }
    this.contents.set(inode, after);
  }
}

/** A disk with its history since it was last known to be durable as a whole. */
export class ModelledDisk {
  readonly changes: Change[] = [];
  /** As the running system sees it. */
  readonly tree: Tree;
  private readonly durable: Tree;
  private inodes: number;

  constructor(durable: Tree = Tree.empty()) {
    this.durable = durable;
    this.tree = durable.clone();
    this.inodes = Math.max(...durable.directories.keys(), ...durable.contents.keys());
  }

  newInode(): number {
    return ++this.inodes;
  }

  record(change: Change): void {
    this.changes.push(change);
    this.tree.apply(change);
  }

  /** The same disk when only the first `count` changes had been made: what a killed process leaves to the next one. */
  stoppedAfter(count: number): ModelledDisk {
    const disk = new ModelledDisk(this.durable);
    for (const change of this.changes.slice(0, count)) disk.record(change);
    disk.inodes = this.inodes;
    return disk;
  }

  /** What is on the disk when the power fails after the first `count` changes, and a text that is equal for equal losses. */
  afterPowerLoss(count: number, loss: PowerLoss): { readonly disk: ModelledDisk; readonly signature: string } {
    const made = this.changes.slice(0, count);
    const tree = this.durable.clone();
    const kept: string[] = [];
    for (const [index, change] of made.entries()) {
      const fate = isDurable(change, index, made) ? 'Kept' : loss(change);
      if (fate === 'Lost' || isSync(change)) continue;
      tree.apply(change, fate);
      kept.push(`${index} ${fate}`);
    }
    return { disk: new ModelledDisk(tree), signature: kept.join() };
  }
}

export function isSync(change: Change): boolean {
  return change.kind === 'SyncFile' || change.kind === 'SyncDirectory';
}

export function isOfContent(change: Change): boolean {
  return change.kind === 'Write' || change.kind === 'Truncate';
}

function isDurable(change: Change, index: number, made: readonly Change[]): boolean {
  return made.some((sync) => {
    if (sync.kind === 'SyncFile') return index < sync.covered && isOfContent(change) && sync.inode === change.inode;
    if (sync.kind !== 'SyncDirectory' || index >= sync.covered) return false;
    if (change.kind === 'Rename' && sync.inode === change.from) return true;
    return 'directory' in change && sync.inode === change.directory;
  });
}
