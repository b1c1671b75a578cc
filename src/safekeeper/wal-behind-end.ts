import { type Lsn, lsn, maxLsn } from '../domain/lsn.ts';
import { Crc32c } from './crc32c.ts';
import {
  LONG_HEADER,
  LONG_PAGE_HEADER_BYTES,
  readWalPageHeader,
  SHORT_PAGE_HEADER_BYTES,
  WAL_PAGE_BYTES,
} from './wal-page.ts';
import {
  alignRecord,
  RECORD_ALIGNMENT_BYTES,
  RECORD_BYTES_MAX,
  RECORD_CHECKSUM_OFFSET,
  RECORD_HEADER_BYTES,
} from './wal-record.ts';
import { LSN_VALUES, openSegment, type WalFile, type WalSource } from './wal-walk.ts';
import { segmentNumber, segmentStart } from './wal-segment.ts';

export interface BehindEndRequest {
  readonly source: WalSource;
  readonly endLsn: Lsn;
  readonly walSegmentSize: number;
  readonly magic: number;
  /** A multiple of a page that divides 1 MiB; its content is replaced. */
  readonly buffer: Uint8Array;
  readonly signal: AbortSignal;
}

/** A crash leaves no more than this behind: the rest of a segment and the beginning of the next one. */
const FILES_MAX = 2;
const LENGTH_BYTES = 4;

/**
 * A whole valid record behind the end of the WAL, which shows that the WAL went on there once: undefined when there is
 * none in the rest of the segment that the end is in and in the next one. Torn writes, zeros and garbage are no such
 * thing. Holes are not read.
 */
export async function findRecordBehindEnd(request: BehindEndRequest): Promise<Lsn | undefined> {
  const { source, endLsn, walSegmentSize } = request;
  const crc = new Crc32c();
  let start = segmentStart(segmentNumber(endLsn, walSegmentSize), walSegmentSize);
  for (let count = 0; count < FILES_MAX; count++) {
    const nextStart = start + BigInt(walSegmentSize);
    // What ends with the address space has no end that is an LSN.
    if (nextStart >= LSN_VALUES) return undefined;
    await using file = await openSegment(source, segmentNumber(start, walSegmentSize), walSegmentSize);
    if (file === undefined) return undefined;
    const found = await searchFile(file, start, maxLsn(endLsn, start), crc, request);
    if (found !== undefined) return found;
    start = lsn(nextStart);
  }
  return undefined;
}

/**
 * How far a record that was begun at the end of the WAL would reach: a crash or a stream that is cut leaves such a record, and
 * the files that it had come to. The end itself when nothing was begun there. An upper bound: page headers are counted long.
 */
export async function reachOfTornRecord(source: WalSource, endLsn: Lsn, walSegmentSize: number): Promise<Lsn> {
  const segment = segmentNumber(endLsn, walSegmentSize);
  await using file = await openSegment(source, segment, walSegmentSize);
  if (file === undefined) return endLsn;
  // A record that starts with a page starts behind its header, whose length its flags tell.
  const isAtPage = endLsn % BigInt(WAL_PAGE_BYTES) === 0n;
  const bytes = new Uint8Array(LONG_PAGE_HEADER_BYTES + LENGTH_BYTES);
  const view = new DataView(bytes.buffer);
  if ((await file.readAt(bytes, Number(endLsn - segmentStart(segment, walSegmentSize)))) < bytes.length) return endLsn;
  const isLong = (view.getUint16(2, true) & LONG_HEADER) !== 0;
  const headerBytes = isLong ? LONG_PAGE_HEADER_BYTES : SHORT_PAGE_HEADER_BYTES;
  const sizeBytes = view.getUint32(isAtPage ? headerBytes : 0, true);
  if (sizeBytes < RECORD_HEADER_BYTES || sizeBytes > RECORD_BYTES_MAX) return endLsn;
  const pageCount = Math.ceil(sizeBytes / (WAL_PAGE_BYTES - LONG_PAGE_HEADER_BYTES)) + 1;
  const reach = endLsn + BigInt(sizeBytes + pageCount * LONG_PAGE_HEADER_BYTES);
  return reach < LSN_VALUES ? lsn(reach) : endLsn;
}

async function searchFile(
  file: WalFile,
  start: Lsn,
  from: Lsn,
  crc: Crc32c,
  { walSegmentSize, magic, buffer, signal }: BehindEndRequest,
): Promise<Lsn | undefined> {
  const fromOffset = Number(from - start);
  const chunkBytes = buffer.length;
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  for (let chunk = fromOffset - (fromOffset % chunkBytes); chunk < walSegmentSize; chunk += chunkBytes) {
    signal.throwIfAborted();
    const data = await nextData(file, chunk);
    if (data >= walSegmentSize) return undefined;
    chunk = data - (data % chunkBytes);
    const sizeBytes = await file.readAt(buffer, chunk);
    const firstPage = Math.max(0, fromOffset - chunk - ((fromOffset - chunk) % WAL_PAGE_BYTES));
    for (let page = firstPage; page + WAL_PAGE_BYTES <= sizeBytes; page += WAL_PAGE_BYTES) {
      const address = lsn(start + BigInt(chunk + page));
      // Where a page has been read to, its header says nothing about what follows: every place is tried.
      const readTo = fromOffset - (chunk + page);
      const found =
        readTo > 0
          ? searchEverywhere(buffer, view, page, page + readTo, crc)
          : firstRecordOf(buffer, view, page, address, magic, crc);
      if (found !== undefined) return lsn(address + BigInt(found - page));
    }
    if (sizeBytes < chunkBytes) return undefined;
  }
  return undefined;
}

/** The first position at or behind this one that holds something; Infinity when there is only a hole. */
async function nextData(file: WalFile, position: number): Promise<number> {
  const extent = await file.extentAt?.(position);
  return extent?.kind === 'Hole' ? extent.end : position;
}

/** The first record that starts on the page at `page`, if all of it is there and valid. */
function firstRecordOf(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  address: Lsn,
  magic: number,
  crc: Crc32c,
): number | undefined {
  const header = readWalPageHeader(view, page, address, magic);
  if (header === undefined) return undefined;
  const rest = header.isContinuation ? header.remainingBytes : 0;
  const at = alignRecord(page + header.sizeBytes + rest);
  return isRecord(bytes, view, at, page + WAL_PAGE_BYTES, crc) ? at : undefined;
}

/** Behind `from`, where no record is. */
function searchEverywhere(
  bytes: Uint8Array,
  view: DataView,
  page: number,
  from: number,
  crc: Crc32c,
): number | undefined {
  const end = page + WAL_PAGE_BYTES;
  const first = alignRecord(Math.max(from + 1, page + SHORT_PAGE_HEADER_BYTES));
  for (let at = first; at < end; at += RECORD_ALIGNMENT_BYTES) if (isRecord(bytes, view, at, end, crc)) return at;
  return undefined;
}

function isRecord(bytes: Uint8Array, view: DataView, at: number, end: number, crc: Crc32c): boolean {
  if (at + RECORD_HEADER_BYTES > end) return false;
  const sizeBytes = view.getUint32(at, true);
  if (sizeBytes < RECORD_HEADER_BYTES || at + sizeBytes > end) return false;
  const body = crc.update(0, bytes, at + RECORD_HEADER_BYTES, at + sizeBytes);
  return crc.update(body, bytes, at, at + RECORD_CHECKSUM_OFFSET) === view.getUint32(at + RECORD_CHECKSUM_OFFSET, true);
}
