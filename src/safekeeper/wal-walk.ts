import { type Lsn, lsn } from '../domain/lsn.ts';
import type { WalAudit } from './wal-audit.ts';
import { LONG_PAGE_HEADER_BYTES, readStatedSegmentSize } from './wal-page.ts';
import { type WalProblem, WalScanner } from './wal-scanner.ts';
import {
  partialSegmentFileName,
  type SegmentNumber,
  segmentFileName,
  segmentNumber,
  segmentStart,
} from './wal-segment.ts';

/** A segment file that is open for reading. */
export interface WalFile extends AsyncDisposable {
  /** Fills `buffer` from byte `position` of the file on; fewer bytes only at the end of the file. */
  readAt(buffer: Uint8Array, position: number): Promise<number>;
  /** What `position` lies in: where holes are known, they need not be read. */
  extentAt?(position: number): Promise<{ readonly kind: 'Data' | 'Hole'; readonly end: number }>;
}

/** Where segments come from: a timeline directory, or memory in tests. */
export interface WalSource {
  /** Undefined when there is no file of that name. */
  open(fileName: string): Promise<WalFile | undefined>;
}

export interface WalWalkRequest {
  readonly source: WalSource;
  /** A record boundary, or with `insideRecord` the start of a page inside a record, which is passed over. */
  readonly startLsn: Lsn;
  readonly insideRecord?: boolean;
  /** The walk stops with the first record that ends here or later. */
  readonly limitLsn?: Lsn;
  /** Size of the files. The WAL in them may come from a cluster with another segment size. */
  readonly walSegmentSize: number;
  /** Of the cluster's pages. */
  readonly magic: number;
  readonly audit?: WalAudit;
  /**
   * Of equal size, which divides 1 MiB and is a multiple of a page. With two, one is read while the other is scanned, and
   * at the end one of them was read in vain.
   */
  readonly buffers: readonly [Uint8Array] | readonly [Uint8Array, Uint8Array];
  readonly signal: AbortSignal;
}

/** Why a walk ended. */
export type WalkStop =
  | { readonly kind: 'Limit' }
  /** The segment's file is not there, or is the last one that there can be. */
  | { readonly kind: 'FileMissing'; readonly lsn: Lsn }
  /** The file ends before its segment does. */
  | { readonly kind: 'FileShort'; readonly lsn: Lsn }
  | { readonly kind: 'Invalid'; readonly problem: WalProblem; readonly lsn: Lsn };

export interface WalkEnd {
  /** End of the last whole valid record, aligned; the next segment's start after a switch record. */
  readonly endLsn: Lsn;
  /** Where the last record ended, when it was a switch record. */
  readonly switchedAt: Lsn | undefined;
  /** With `insideRecord`: the first record boundary; a page's start when the page begins with a record. */
  readonly boundaryLsn: Lsn | undefined;
  readonly stop: WalkStop;
}

/** The only segment size of clusters whose WAL a safekeeper takes. */
export const CLUSTER_SEGMENT_BYTES = 16 * 1024 * 1024;
/** The last segment of the address space is not used: its end would be no LSN. */
export const LSN_VALUES = 2n ** 64n;

/**
 * Reads records one after another through as many files as there are. Of two files for one segment `.partial` is read.
 * Throws what the source throws.
 */
export async function walkWal(request: WalWalkRequest): Promise<WalkEnd> {
  const { source, startLsn, walSegmentSize, magic, limitLsn } = request;
  const limit = limitLsn === undefined ? {} : { limitLsn };
  const audited = request.audit === undefined ? {} : { audit: request.audit };
  let scanner = new WalScanner(startLsn, magic, {
    insideRecord: request.insideRecord ?? false,
    ...limit,
    ...audited,
  });
  const first = scanner;
  let switched: { readonly at: Lsn; readonly to: Lsn } | undefined;
  const end = (endLsn: Lsn, stop: WalkStop): WalkEnd => {
    const switchedAt = switched?.to === endLsn ? switched.at : undefined;
    return { endLsn, switchedAt, boundaryLsn: first.boundaryLsn, stop };
  };
  for (let position = startLsn; ; ) {
    const segment = segmentNumber(position, walSegmentSize);
    const start = segmentStart(segment, walSegmentSize);
    await using file = isLastOfAll(segment, walSegmentSize)
      ? undefined
      : await openSegment(source, segment, walSegmentSize);
    if (file === undefined) return end(scanner.endLsn, { kind: 'FileMissing', lsn: position });
    const result = await scanFile(file, start, position, scanner, request);
    position = lsn(start + BigInt(walSegmentSize));
    if (result === 'Read') continue;
    if (result !== 'Switched') return end(scanner.endLsn, result);
    position = nextMultiple(scanner.endLsn, await clusterSegmentSize(file, start, walSegmentSize, magic));
    switched = { at: scanner.endLsn, to: position };
    scanner = new WalScanner(position, magic, { ...limit, ...audited });
    if (limitLsn !== undefined && position >= limitLsn) return end(position, { kind: 'Limit' });
  }
}

/** The file of a segment: of two of them the one that is being written. */
export async function openSegment(
  source: WalSource,
  segment: SegmentNumber,
  walSegmentSize: number,
): Promise<WalFile | undefined> {
  return (
    (await source.open(partialSegmentFileName(segment, walSegmentSize))) ??
    (await source.open(segmentFileName(segment, walSegmentSize)))
  );
}

/** The first multiple of `size` at or after `position`. */
function nextMultiple(position: Lsn, size: number): Lsn {
  const past = position % BigInt(size);
  return past === 0n ? position : lsn(position - past + BigInt(size));
}

/** Scans one file from `position` to its end. */
async function scanFile(
  file: WalFile,
  start: Lsn,
  position: Lsn,
  scanner: WalScanner,
  { walSegmentSize, buffers, signal }: WalWalkRequest,
): Promise<'Read' | 'Switched' | WalkStop> {
  const offset = Number(position - start);
  const chunkBytes = buffers[0].length;
  const read = async (chunk: number, turn: number) => {
    const bytes = buffers[turn % buffers.length] ?? buffers[0];
    const from = Math.max(offset - chunk, 0);
    return { bytes, from, to: from + (await file.readAt(bytes.subarray(from), chunk + from)) };
  };
  const first = offset - (offset % chunkBytes);
  let next = read(first, 0);
  for (let chunk = first, turn = 1; chunk < walSegmentSize; chunk += chunkBytes, turn++) {
    const piece = await next;
    signal.throwIfAborted();
    const hasNext = chunk + chunkBytes < walSegmentSize;
    const isAhead = buffers.length > 1 && hasNext;
    if (isAhead) next = read(chunk + chunkBytes, turn);
    const result = scanner.scan({ ...piece, address: lsn(start + BigInt(chunk)) });
    const stop = stopOf(result, scanner, lsn(start + BigInt(chunk + piece.to)), piece.to < chunkBytes);
    if (stop !== 'Read') {
      // The file is about to be closed; what lies behind the end, readable or not, concerns nobody.
      if (isAhead) await next.catch(() => undefined);
      return stop;
    }
    if (!isAhead && hasNext) next = read(chunk + chunkBytes, turn);
  }
  return 'Read';
}

function stopOf(
  result: ReturnType<WalScanner['scan']>,
  scanner: WalScanner,
  readTo: Lsn,
  isShort: boolean,
): 'Read' | 'Switched' | WalkStop {
  if (result === 'Switched') return result;
  if (result === 'Reached') return { kind: 'Limit' };
  if (result === 'Read') return isShort ? { kind: 'FileShort', lsn: readTo } : result;
  const problem = scanner.invalid;
  return problem === undefined ? { kind: 'FileShort', lsn: readTo } : { kind: 'Invalid', ...problem };
}

function isLastOfAll(segment: SegmentNumber, walSegmentSize: number): boolean {
  return segment >= LSN_VALUES / BigInt(walSegmentSize) - 1n;
}

/**
 * How far a switch record jumps. A cluster whose segments are as large as the files says so in the header of each; of any
 * other size only {@link CLUSTER_SEGMENT_BYTES} exists. A header has no checksum: what else it says is damage, and would
 * move the end far beyond what is there. A file that begins inside a segment, or with the timeline's start, says nothing.
 */
async function clusterSegmentSize(file: WalFile, start: Lsn, walSegmentSize: number, magic: number): Promise<number> {
  const header = new Uint8Array(LONG_PAGE_HEADER_BYTES);
  const sizeBytes = await file.readAt(header, 0);
  const stated = readStatedSegmentSize(header.subarray(0, sizeBytes), start, magic);
  return stated === walSegmentSize ? walSegmentSize : CLUSTER_SEGMENT_BYTES;
}
