import { join } from 'node:path';
import type { FileSystem, OpenFile } from '../disk/file-system.ts';

const SCAN_BYTES = 256 * 1024;
/** Most of what is scanned: a native comparison tells, where a look at every byte takes a hundred times as long. */
const isZero = (bytes: Buffer, zeros: Buffer): boolean => bytes.equals(zeros.subarray(0, bytes.length));

/** One file of a timeline's directory as `debug_dump` shows it. */
export interface DumpedFile {
  readonly name: string;
  readonly size: number;
  /** RFC 3339. */
  readonly created: string;
  readonly modified: string;
  /** Zero bytes before the first other byte. */
  readonly start_zeroes: number;
  /** Zero bytes after the last other byte. */
  readonly end_zeroes: number;
}

/** The regular files of a timeline's directory by name, WAL segments last. Files are read until something not zero is met at either end. */
export async function dumpDiskContent(
  files: FileSystem,
  directory: string,
  signal: AbortSignal,
): Promise<DumpedFile[]> {
  const dumped: DumpedFile[] = [];
  for (const name of await listFiles(files, directory)) {
    await using file = await files.open(join(directory, name), 'Read');
    const { sizeBytes, createdMs, modifiedMs } = await file.status();
    const extents = await dataExtents(file, sizeBytes);
    dumped.push({
      name,
      size: sizeBytes,
      created: new Date(createdMs).toISOString(),
      modified: new Date(modifiedMs).toISOString(),
      start_zeroes: await countZeroesFromStart(file, extents, sizeBytes, signal),
      end_zeroes: await countZeroesFromEnd(file, extents, sizeBytes, signal),
    });
  }
  return dumped;
}

/** When a WAL segment in the directory was last written; undefined when there is none. */
export async function walLastModified(files: FileSystem, directory: string): Promise<string | undefined> {
  let latestMs: number | undefined;
  for (const name of await listFiles(files, directory)) {
    if (!isSegmentName(name)) continue;
    const status = await files.status(join(directory, name));
    if (status !== undefined) latestMs = Math.max(latestMs ?? 0, status.modifiedMs);
  }
  return latestMs === undefined ? undefined : new Date(latestMs).toISOString();
}

async function listFiles(files: FileSystem, directory: string): Promise<string[]> {
  const names = (await files.list(directory)).filter((entry) => entry.kind === 'File').map((entry) => entry.name);
  return names.sort((a, b) => Number(isSegmentName(a)) - Number(isSegmentName(b)) || (a < b ? -1 : 1));
}

function isSegmentName(name: string): boolean {
  return /^[0-9A-F]{24}(\.partial)?$/.test(name);
}

/** A part of a file that is not a hole: from `start` up to `end`. */
interface DataExtent {
  readonly start: number;
  readonly end: number;
}

/** In order. What a safekeeper has not written yet of a segment is a hole: 16 MiB that nobody has to read. */
async function dataExtents(file: OpenFile, sizeBytes: number): Promise<DataExtent[]> {
  const extents: DataExtent[] = [];
  for (let start = 0; start < sizeBytes; ) {
    const { kind, end } = await file.extentAt(start);
    const next = Math.min(end, sizeBytes);
    if (kind === 'Data') extents.push({ start, end: next });
    start = next;
  }
  return extents;
}

async function countZeroesFromStart(
  file: OpenFile,
  extents: readonly DataExtent[],
  sizeBytes: number,
  signal: AbortSignal,
): Promise<number> {
  for (const { start, end } of extents) {
    const buffer = Buffer.alloc(Math.min(SCAN_BYTES, end - start));
    const zeros = Buffer.alloc(buffer.length);
    for (let position = start; position < end; position += buffer.length) {
      signal.throwIfAborted();
      const read = buffer.subarray(0, await file.readAt(buffer.subarray(0, end - position), position));
      if (!isZero(read, zeros)) return position + read.findIndex((byte) => byte !== 0);
    }
  }
  return sizeBytes;
}

async function countZeroesFromEnd(
  file: OpenFile,
  extents: readonly DataExtent[],
  sizeBytes: number,
  signal: AbortSignal,
): Promise<number> {
  for (const { start, end: extentEnd } of extents.toReversed()) {
    const buffer = Buffer.alloc(Math.min(SCAN_BYTES, extentEnd - start));
    const zeros = Buffer.alloc(buffer.length);
    for (let end = extentEnd; end > start; end -= buffer.length) {
      signal.throwIfAborted();
      const position = Math.max(start, end - buffer.length);
      const read = buffer.subarray(0, await file.readAt(buffer.subarray(0, end - position), position));
      if (!isZero(read, zeros)) return sizeBytes - (position + read.findLastIndex((byte) => byte !== 0) + 1);
    }
  }
  return sizeBytes;
}
