import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { INVALID_LSN, type Lsn, lsn } from '../domain/lsn.ts';
import { LONG_PAGE_HEADER_BYTES, readStatedSegmentSize, walPageMagic } from './wal-page.ts';
import { WalScanner } from './wal-scanner.ts';
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
}

/** Where segments come from: a timeline directory, or memory in tests. */
export interface WalSource {
  /** Undefined when there is no file of that name. */
  open(fileName: string): Promise<WalFile | undefined>;
}

export interface WalEndRequest {
  readonly source: WalSource;
  /** A record boundary; the control file's commit_lsn. */
  readonly startLsn: Lsn;
  /** Size of the files. The WAL in them may come from a cluster with another segment size. */
  readonly walSegmentSize: number;
  /** `server_version_num`, Postgres 14 to 17. */
  readonly pgVersion: number;
  readonly signal: AbortSignal;
}

/** Divides every legal segment size, so a chunk never spans two files. */
const CHUNK_BYTES = limits.walSegmentSizeMin / 8;
/** The only segment size of clusters whose WAL a safekeeper takes. */
const CLUSTER_SEGMENT_BYTES = 16 * 1024 * 1024;
/** The last segment of the address space is not used: its end would be no LSN. */
const LSN_VALUES = 2n ** 64n;

/**
 * Where the WAL ends, as a safekeeper finds it at start: the aligned end of the last whole valid record reached from
 * `startLsn`, the next segment's start after a switch record, `startLsn` itself when nothing valid follows (even when
 * its segment is missing), 0 when `startLsn` is 0. Of two files for one segment `.partial` is read. Uses one buffer of
 * 128 KiB whatever the length of WAL and records. Throws a Failure `PostgresVersionUnknown`, or what the source throws.
 */
export async function findWalEnd(request: WalEndRequest): Promise<Lsn> {
  const { source, startLsn, walSegmentSize, signal } = request;
  if (startLsn === INVALID_LSN) return INVALID_LSN;
  const magic = walPageMagic(request.pgVersion);
  if (magic === undefined) {
    const problem = `the WAL of pg_version ${request.pgVersion} is not supported (Postgres 14 to 17 is)`;
    throw new Failure('PostgresVersionUnknown', problem, { retry: 'never' });
  }
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let scanner = new WalScanner(startLsn, magic);
  for (let position = startLsn; ; ) {
    const segment = segmentNumber(position, walSegmentSize);
    if (segment >= LSN_VALUES / BigInt(walSegmentSize) - 1n) return scanner.endLsn;
    await using file = await openSegment(source, segment, walSegmentSize);
    if (file === undefined) return scanner.endLsn;
    const start = segmentStart(segment, walSegmentSize);
    const result = await scanFile(file, start, position, walSegmentSize, scanner, buffer, signal);
    if (result === 'Invalid') return scanner.endLsn;
    position = lsn(start + BigInt(walSegmentSize));
    if (result === 'Switched') {
      position = nextMultiple(scanner.endLsn, await clusterSegmentSize(file, start, walSegmentSize, magic));
      scanner = new WalScanner(position, magic);
    }
  }
}

/** Scans one file from `position` to its end. A short file is `Invalid` behind its last byte. */
async function scanFile(
  file: WalFile,
  start: Lsn,
  position: Lsn,
  walSegmentSize: number,
  scanner: WalScanner,
  buffer: Uint8Array,
  signal: AbortSignal,
): Promise<'Read' | 'Invalid' | 'Switched'> {
  const offset = Number(position - start);
  for (let chunk = offset - (offset % CHUNK_BYTES); chunk < walSegmentSize; chunk += CHUNK_BYTES) {
    signal.throwIfAborted();
    const from = Math.max(offset - chunk, 0);
    const to = from + (await file.readAt(buffer.subarray(from), chunk + from));
    const result = scanner.scan({ bytes: buffer, address: lsn(start + BigInt(chunk)), from, to });
    if (result !== 'Read') return result;
    if (to < CHUNK_BYTES) return 'Invalid';
  }
  return 'Read';
}

async function openSegment(
  source: WalSource,
  segment: SegmentNumber,
  walSegmentSize: number,
): Promise<WalFile | undefined> {
  return (
    (await source.open(partialSegmentFileName(segment, walSegmentSize))) ??
    (await source.open(segmentFileName(segment, walSegmentSize)))
  );
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

/** The first multiple of `size` at or after `position`. */
function nextMultiple(position: Lsn, size: number): Lsn {
  const past = position % BigInt(size);
  return past === 0n ? position : lsn(position - past + BigInt(size));
}
