import { limits } from '../base/limits.ts';
import { isWalSegmentSize } from './wal-segment.ts';

/**
 * WAL page headers as Postgres lays them out (src/include/access/xlog_internal.h), little-endian: magic u16, info u16,
 * timeline u32, page address u64, remaining length u32, padding u32; a long header goes on with system id u64, segment
 * size u32, page size u32.
 */
export const WAL_PAGE_BYTES = 8192;
export const SHORT_PAGE_HEADER_BYTES = 24;
export const LONG_PAGE_HEADER_BYTES = 40;

/** The page begins with the rest of a record from the page before. */
export const FIRST_IS_CONTRECORD = 0x0001;
export const LONG_HEADER = 0x0002;
/** Written while no backup is under way: full-page images may be left out of archives. */
export const MAY_REMOVE_BACKUP_BLOCKS = 0x0004;

const LONG_SEGMENT_SIZE_OFFSET = 32;
const LONG_HEADER_ALIGNMENT_BYTES = BigInt(limits.walSegmentSizeMin);
const MAGIC_BY_MAJOR_VERSION: Readonly<Record<number, number>> = { 14: 0xd10d, 15: 0xd110, 16: 0xd113, 17: 0xd116 };

/** `pgVersion` is a `server_version_num` (150020); undefined for a major version whose WAL this program does not know. */
export function walPageMagic(pgVersion: number): number | undefined {
  return MAGIC_BY_MAJOR_VERSION[Math.floor(pgVersion / 10_000)];
}

export interface WalPageHeader {
  readonly sizeBytes: number;
  readonly isContinuation: boolean;
  /** Bytes of the continued record that are on this page and those after it. */
  readonly remainingBytes: number;
}

/**
 * The header at `offset`, of which {@link SHORT_PAGE_HEADER_BYTES} must be there; undefined when magic or address are
 * not those of the page at LSN `address`. As in safekeepers, the timeline is not compared and unknown flags are
 * ignored. Whether the header is long is told by its flag (safekeepers store WAL of 16 MiB segments in files of any
 * size), and believed only where a segment of some legal size can start.
 */
export function readWalPageHeader(
  view: DataView,
  offset: number,
  address: bigint,
  magic: number,
): WalPageHeader | undefined {
  if (view.getUint16(offset, true) !== magic || view.getBigUint64(offset + 8, true) !== address) return undefined;
  const info = view.getUint16(offset + 2, true);
  const isLong = (info & LONG_HEADER) !== 0 && address % LONG_HEADER_ALIGNMENT_BYTES === 0n;
  return {
    sizeBytes: isLong ? LONG_PAGE_HEADER_BYTES : SHORT_PAGE_HEADER_BYTES,
    isContinuation: (info & FIRST_IS_CONTRECORD) !== 0,
    remainingBytes: view.getUint32(offset + 16, true),
  };
}

/** Whether the page that begins at `offset` says that it is the one at `address`, as {@link readWalPageHeader} wants it. */
export function hasPageMagic(view: DataView, offset: number, magic: number): boolean {
  return view.getUint16(offset, true) === magic;
}

/**
 * The cluster's own segment size as the long header at the start of `bytes` states it; undefined when there is no
 * valid long header.
 */
export function readStatedSegmentSize(bytes: Uint8Array, address: bigint, magic: number): number | undefined {
  if (bytes.length < LONG_PAGE_HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (readWalPageHeader(view, 0, address, magic)?.sizeBytes !== LONG_PAGE_HEADER_BYTES) return undefined;
  const segmentSize = view.getUint32(LONG_SEGMENT_SIZE_OFFSET, true);
  return isWalSegmentSize(segmentSize) ? segmentSize : undefined;
}
