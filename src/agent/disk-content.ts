import { join } from 'node:path';
import type { FileSystem, OpenFile } from '../disk/file-system.ts';

const SCAN_BYTES = 256 * 1024;

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
    const zeroes = await countZeroes(file, sizeBytes, signal);
    dumped.push({
      name,
      size: sizeBytes,
      created: new Date(createdMs).toISOString(),
      modified: new Date(modifiedMs).toISOString(),
      start_zeroes: zeroes.start,
      end_zeroes: zeroes.end,
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

/** How many zero bytes a file begins and ends with. What lies in holes is not read. */
async function countZeroes(
  file: OpenFile,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<{ start: number; end: number }> {
  const extents = await dataExtents(file, sizeBytes);
  const scan = new ZeroScan(file, Math.min(SCAN_BYTES, sizeBytes));
  for (const { start, end } of extents) {
    const first = await scan.firstData(start, end, signal);
    if (first === undefined) continue;
    for (const extent of extents.toReversed()) {
      const last = await scan.lastData(extent.start, extent.end, signal);
      if (last !== undefined) return { start: first, end: sizeBytes - last - 1 };
    }
  }
  return { start: sizeBytes, end: sizeBytes };
}

async function dataExtents(file: OpenFile, sizeBytes: number): Promise<Array<{ start: number; end: number }>> {
  const extents: Array<{ start: number; end: number }> = [];
  for (let start = 0; start < sizeBytes; ) {
    const extent = await file.extentAt(start);
    const end = Math.min(extent.end, sizeBytes);
    if (extent.kind === 'Data') extents.push({ start, end });
    start = end;
  }
  return extents;
}

/** Looks for what is not zero in parts of a file, piece by piece. */
class ZeroScan {
  private readonly file: OpenFile;
  private readonly buffer: Buffer;
  private readonly zeros: Buffer;

  constructor(file: OpenFile, pieceBytes: number) {
    this.file = file;
    this.buffer = Buffer.allocUnsafe(pieceBytes);
    this.zeros = Buffer.alloc(pieceBytes);
  }

  async firstData(start: number, end: number, signal: AbortSignal): Promise<number | undefined> {
    for (let from = start; from < end; from += this.buffer.length) {
      const piece = await this.read(from, Math.min(end, from + this.buffer.length), signal);
      if (piece !== undefined) return from + piece.findIndex((byte) => byte !== 0);
    }
    return undefined;
  }

  async lastData(start: number, end: number, signal: AbortSignal): Promise<number | undefined> {
    for (let to = end; to > start; to -= this.buffer.length) {
      const from = Math.max(start, to - this.buffer.length);
      const piece = await this.read(from, to, signal);
      if (piece !== undefined) return from + piece.findLastIndex((byte) => byte !== 0);
    }
    return undefined;
  }

  /** Undefined when all is zero. A native comparison tells, where a look at every byte takes a hundred times as long. */
  private async read(from: number, to: number, signal: AbortSignal): Promise<Buffer | undefined> {
    signal.throwIfAborted();
    const piece = this.buffer.subarray(0, await this.file.readAt(this.buffer.subarray(0, to - from), from));
    return piece.equals(this.zeros.subarray(0, piece.length)) ? undefined : piece;
  }
}
