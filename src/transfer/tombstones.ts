import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Semaphore } from '../base/concurrency.ts';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { TOMBSTONE_FILE_NAME } from '../disk/data-directory.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { readSmallFile, writeFileDurably } from '../disk/durable.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { formatTenantTimelineId, parseTenantId, parseTimelineId } from '../domain/ids.ts';
import type { TenantId, TenantTimelineId } from '../domain/ids.ts';
import { generation, type Generation } from '../domain/membership.ts';

export { TOMBSTONE_FILE_NAME };

const LINE = /^([0-9]{1,15}) ([0-9a-f]{32}) ([0-9a-f]{32}|-) ([0-9]{1,10}|-)$/;

interface Tombstone {
  readonly deletedAtMs: number;
  readonly tenantId: TenantId;
  /** Undefined: the whole tenant. */
  readonly timelineId: TenantTimelineId['timelineId'] | undefined;
  /** Of an exclusion; undefined for a deletion, which no generation overrules. */
  readonly generation: Generation | undefined;
}

/**
 * What was deleted here in the last 24 hours and must not come back by a late pull. Kept in an append-only file of
 * lines `<ms since epoch> <tenant> <timeline or -> <generation or ->`, rewritten at start without what has expired.
 */
export class Tombstones {
  private readonly files: FileSystem;
  private readonly path: string;
  private readonly clock: Clock;
  private readonly mutex = new Semaphore(1);
  /** By `tenant/timeline`, or by `tenant` alone. */
  private readonly byKey: Map<string, Tombstone>;
  private readonly sizeBytesMax: number;
  private sizeBytes: number;

  private constructor(
    files: FileSystem,
    path: string,
    clock: Clock,
    entries: readonly Tombstone[],
    sizeBytes: number,
    sizeBytesMax: number,
  ) {
    this.files = files;
    this.path = path;
    this.clock = clock;
    this.byKey = new Map();
    for (const entry of entries) this.remember(entry);
    this.sizeBytes = sizeBytes;
    this.sizeBytesMax = sizeBytesMax;
  }

  /** `sizeBytesMax` bounds the file; a record needs about 90 bytes. */
  static async open(
    files: FileSystem,
    dataDirectory: string,
    clock: Clock,
    sizeBytesMax: number = limits.tombstoneFileBytesMax,
  ): Promise<Tombstones> {
    const path = join(dataDirectory, TOMBSTONE_FILE_NAME);
    const content = await readSmallFile(files, path, sizeBytesMax);
    const text = content === undefined ? '' : Buffer.from(content).toString('utf8');
    const entries = parseLines(text, path).filter((entry) => !isExpired(entry, clock));
    const compacted = entries.map(formatLine).join('');
    if (compacted !== text) await writeFileDurably(files, path, Buffer.from(compacted));
    else if (text !== '') await syncFile(files, path);
    return new Tombstones(files, path, clock, entries, compacted.length, sizeBytesMax);
  }

  /**
   * Resolves once the tombstone is durable. `generation` is that of an exclusion. Failures: `TooManyTombstones`, `DiskFull`,
   * `DiskFailed`.
   */
  async add(id: TenantTimelineId, generation: Generation | undefined, signal: AbortSignal): Promise<void> {
    await this.append({ ...id, generation, deletedAtMs: this.clock.wallTimeMs() }, signal);
  }

  async addTenant(tenantId: TenantId, signal: AbortSignal): Promise<void> {
    const entry = { tenantId, timelineId: undefined, generation: undefined, deletedAtMs: this.clock.wallTimeMs() };
    await this.append(entry, signal);
  }

  /** Whether the timeline must not be created, with a configuration of `withGeneration` if there is one. */
  blocks(id: TenantTimelineId, withGeneration: Generation | undefined): boolean {
    if (this.find(id.tenantId) !== undefined) return true;
    const tombstone = this.find(formatTenantTimelineId(id));
    if (tombstone === undefined) return false;
    return tombstone.generation === undefined || withGeneration === undefined || withGeneration <= tombstone.generation;
  }

  /** How many have not expired. */
  count(): number {
    return [...this.byKey.values()].filter((tombstone) => !isExpired(tombstone, this.clock)).length;
  }

  private find(key: string): Tombstone | undefined {
    const tombstone = this.byKey.get(key);
    if (tombstone === undefined || !isExpired(tombstone, this.clock)) return tombstone;
    this.byKey.delete(key);
    return undefined;
  }

  private async append(entry: Tombstone, signal: AbortSignal): Promise<void> {
    using _lock = await this.mutex.acquire(signal);
    const line = Buffer.from(formatLine(entry));
    await explainDiskFailures('the tombstone cannot be written', () => this.write(line));
    this.remember(entry);
  }

  private async write(line: Buffer): Promise<void> {
    if (this.sizeBytes + line.length > this.sizeBytesMax) await this.compact(line.length);
    await using file = await this.files.open(this.path, 'Update');
    // A failed append may have left bytes behind.
    await file.truncate(this.sizeBytes);
    await file.writev([line], this.sizeBytes);
    await file.sync();
    if (this.sizeBytes === 0) await this.files.syncDirectory(join(this.path, '..'));
    this.sizeBytes += line.length;
  }

  /** Makes room for `neededBytes` by dropping what has expired or was repeated. */
  private async compact(neededBytes: number): Promise<void> {
    for (const key of this.byKey.keys()) this.find(key);
    const compacted = Buffer.from([...this.byKey.values()].map(formatLine).join(''));
    if (compacted.length + neededBytes > this.sizeBytesMax) {
      throw new Failure('TooManyTombstones', `${this.path} is full: too many timelines were deleted within 24 hours`);
    }
    // When this fails it may have been replaced all the same: the next append has to compact again.
    this.sizeBytes = this.sizeBytesMax;
    await writeFileDurably(this.files, this.path, compacted);
    this.sizeBytes = compacted.length;
  }

  /** A deletion is never weakened by a later exclusion. */
  private remember(entry: Tombstone): void {
    const key = entry.timelineId === undefined ? entry.tenantId : `${entry.tenantId}/${entry.timelineId}`;
    const known = this.find(key);
    const generation =
      known === undefined || entry.generation === undefined
        ? entry.generation
        : known.generation && (Math.max(known.generation, entry.generation) as Generation);
    this.byKey.set(key, { ...entry, generation });
  }
}

function isExpired(tombstone: Tombstone, clock: Clock): boolean {
  return clock.wallTimeMs() - tombstone.deletedAtMs > limits.tombstoneLifetimeMs;
}

function formatLine(entry: Tombstone): string {
  return `${entry.deletedAtMs} ${entry.tenantId} ${entry.timelineId ?? '-'} ${entry.generation ?? '-'}\n`;
}

/** A process that was killed may have written a line that is in memory only; from here on it counts. */
async function syncFile(files: FileSystem, path: string): Promise<void> {
  await using file = await files.open(path, 'Update');
  await file.sync();
}

/** Without an append that a crash cut off; nobody was told that it succeeded. */
function wholeLines(text: string): string[] {
  // What follows the last line feed is not whole.
  const lines = text.split('\n').slice(0, -1);
  // The file had grown, but a page of it had not been written.
  if (lines.at(-1)?.includes('\0')) lines.pop();
  return lines;
}

function parseLines(text: string, path: string): Tombstone[] {
  return wholeLines(text).map((line, index) => {
    const [, deletedAt, tenant, timeline, ofGeneration] = LINE.exec(line) ?? [];
    const tenantId = parseTenantId(tenant ?? '');
    if (tenantId === undefined) {
      throw new Failure(
        'TombstonesUnreadable',
        `${path} line ${index + 1} is damaged: expected "<ms> <tenant> <timeline or -> <generation or ->"`,
        { retry: 'after-change' },
      );
    }
    return {
      deletedAtMs: Number(deletedAt),
      tenantId,
      timelineId: parseTimelineId(timeline ?? ''),
      generation: ofGeneration === undefined || ofGeneration === '-' ? undefined : generation(Number(ofGeneration)),
    };
  });
}
