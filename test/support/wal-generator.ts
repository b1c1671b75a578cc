import { crc32c } from '@node-rs/crc32';
import { type Lsn, lsn } from '../../src/domain/lsn.ts';
import {
  FIRST_IS_CONTRECORD,
  LONG_HEADER,
  LONG_PAGE_HEADER_BYTES,
  SHORT_PAGE_HEADER_BYTES,
  WAL_PAGE_BYTES,
  walPageMagic,
} from '../../src/safekeeper/wal-page.ts';
import {
  alignRecord,
  RECORD_CHECKSUM_OFFSET,
  RECORD_HEADER_BYTES,
  RECORD_INFO_OFFSET,
  RECORD_MANAGER_OFFSET,
  RECORD_PREVIOUS_OFFSET,
  XLOG_RESOURCE_MANAGER,
  XLOG_SWITCH_INFO,
} from '../../src/safekeeper/wal-record.ts';
import { randomInteger } from './seeded-random.ts';

/** `Switch` ends the segment; any other record is of `sizeBytes`, 24 at least, header included. */
export type RecordSpec = { readonly kind: 'Data'; readonly sizeBytes: number } | { readonly kind: 'Switch' };

/** Where a record was written. */
export interface WrittenRecord {
  /** Its first byte. */
  readonly startLsn: Lsn;
  /** Behind its last byte. */
  readonly dataEndLsn: Lsn;
  /** Where the next record could start, or its page: aligned, or the next segment's start after a switch. */
  readonly endLsn: Lsn;
}

export interface WalOptions {
  /** A multiple of 8. What lies before it on its page and in its segment stays zero, as a safekeeper has it. */
  readonly startLsn: Lsn;
  /** Segment size of the cluster: where long page headers are and how far a switch goes. */
  readonly segmentSize: number;
  /** `server_version_num`. */
  readonly pgVersion: number;
  readonly records: Iterable<RecordSpec>;
  readonly onRecord: (record: WrittenRecord) => void;
  /** Writes the header of the start's segment, too, as a cluster's own files have it. */
  readonly wholeFirstSegment?: boolean;
}

/** Bytes to be put at an LSN; never across a multiple of 1 MiB. They are only valid until the next piece is asked for. */
export interface WalPiece {
  readonly lsn: Lsn;
  readonly bytes: Uint8Array;
}

const PIECE_BYTES = 1024 * 1024;
const HEAP_RESOURCE_MANAGER = 10;
/** What long page headers say. */
export const SYSTEM_ID = 7_711_123_713_686_317_059n;

/** Writes a chain of valid WAL records piece by piece; memory depends on the longest record, not on the length. */
export function* generateWal(options: WalOptions): Generator<WalPiece> {
  const writer = new WalWriter(options);
  if (options.wholeFirstSegment) yield* writer.segmentHeader();
  let xid = 0;
  for (const spec of options.records) yield* writer.append(spec, xid++);
  yield* writer.flush();
}

/** Sizes as WAL has them: mostly small records, some of a page, a few of many pages; `count` of them. */
export function* randomRecords(random: () => number, count: number, sizeBytesMax: number): Generator<RecordSpec> {
  for (let index = 0; index < count; index++) {
    const kind = random();
    const largest = kind < 0.9 ? 250 : kind < 0.99 ? 9_000 : sizeBytesMax;
    yield { kind: 'Data', sizeBytes: randomInteger(random, RECORD_HEADER_BYTES, Math.min(largest, sizeBytesMax)) };
  }
}

class WalWriter {
  private readonly options: WalOptions;
  private readonly magic: number;
  private readonly piece = Buffer.alloc(PIECE_BYTES);
  private pieceLsn: bigint;
  /** Bytes of the piece that are written, from `from` on. */
  private from: number;
  private to: number;
  private previousLsn = 0n;

  constructor(options: WalOptions) {
    const magic = walPageMagic(options.pgVersion);
    if (magic === undefined || options.startLsn % 8n !== 0n) throw new Error('no such WAL');
    this.options = options;
    this.magic = magic;
    this.to = Number(options.startLsn % BigInt(PIECE_BYTES));
    this.from = this.to;
    this.pieceLsn = options.startLsn - BigInt(this.to);
  }

  *segmentHeader(): Generator<WalPiece> {
    const { startLsn, segmentSize } = this.options;
    const segmentStart = startLsn - (startLsn % BigInt(segmentSize));
    if (segmentStart === startLsn) return;
    const header = Buffer.alloc(LONG_PAGE_HEADER_BYTES);
    this.writePageHeader(header, 0, segmentStart, 0);
    yield { lsn: lsn(segmentStart), bytes: header };
  }

  *append(spec: RecordSpec, xid: number): Generator<WalPiece> {
    yield* this.enterPage(0);
    const startLsn = this.position();
    const record = buildRecord(spec, xid, this.previousLsn);
    this.previousLsn = startLsn;
    for (let done = 0; done < record.length; ) {
      yield* this.enterPage(record.length - done);
      const taken = Math.min(record.length - done, WAL_PAGE_BYTES - (this.to % WAL_PAGE_BYTES));
      record.copy(this.piece, this.to, done, done + taken);
      this.to += taken;
      done += taken;
    }
    const dataEndLsn = this.position();
    if (spec.kind === 'Switch') yield* this.skipSegment();
    else this.to = alignRecord(this.to);
    this.options.onRecord({ startLsn, dataEndLsn, endLsn: this.position() });
  }

  *flush(): Generator<WalPiece> {
    if (this.to > this.from)
      yield { lsn: lsn(this.pieceLsn + BigInt(this.from)), bytes: this.piece.subarray(this.from, this.to) };
    this.from = this.to;
  }

  private position(): Lsn {
    return lsn(this.pieceLsn + BigInt(this.to));
  }

  /** Starts the next page where the one before is full; `remainingBytes` of a record go on there. */
  private *enterPage(remainingBytes: number): Generator<WalPiece> {
    if (this.to % WAL_PAGE_BYTES !== 0) return;
    if (this.to === PIECE_BYTES) yield* this.moveTo(this.pieceLsn + BigInt(PIECE_BYTES));
    this.to += this.writePageHeader(this.piece, this.to, this.position(), remainingBytes);
  }

  private *skipSegment(): Generator<WalPiece> {
    const past = this.position() % BigInt(this.options.segmentSize);
    if (past > 0n) yield* this.moveTo(this.position() - past + BigInt(this.options.segmentSize));
  }

  private *moveTo(pieceLsn: bigint): Generator<WalPiece> {
    yield* this.flush();
    this.piece.fill(0);
    this.pieceLsn = pieceLsn;
    this.from = 0;
    this.to = 0;
  }

  private writePageHeader(target: Buffer, at: number, address: bigint, remainingBytes: number): number {
    const isLong = address % BigInt(this.options.segmentSize) === 0n;
    target.writeUInt16LE(this.magic, at);
    target.writeUInt16LE((remainingBytes > 0 ? FIRST_IS_CONTRECORD : 0) | (isLong ? LONG_HEADER : 0), at + 2);
    target.writeUInt32LE(1, at + 4);
    target.writeBigUInt64LE(address, at + 8);
    target.writeUInt32LE(remainingBytes, at + 16);
    if (!isLong) return SHORT_PAGE_HEADER_BYTES;
    target.writeBigUInt64LE(SYSTEM_ID, at + 24);
    target.writeUInt32LE(this.options.segmentSize, at + 32);
    target.writeUInt32LE(WAL_PAGE_BYTES, at + 36);
    return LONG_PAGE_HEADER_BYTES;
  }
}

/** No byte of the content is zero, so that zeroing any of it is damage. */
function buildRecord(spec: RecordSpec, xid: number, previousLsn: bigint): Buffer {
  const record = Buffer.alloc(spec.kind === 'Switch' ? RECORD_HEADER_BYTES : spec.sizeBytes, (xid % 255) + 1);
  record.writeUInt32LE(record.length, 0);
  record.writeUInt32LE(xid, 4);
  record.writeBigUInt64LE(previousLsn, RECORD_PREVIOUS_OFFSET);
  record.writeUInt8(spec.kind === 'Switch' ? XLOG_SWITCH_INFO : 0, RECORD_INFO_OFFSET);
  record.writeUInt8(spec.kind === 'Switch' ? XLOG_RESOURCE_MANAGER : HEAP_RESOURCE_MANAGER, RECORD_MANAGER_OFFSET);
  record.writeUInt16LE(0, RECORD_MANAGER_OFFSET + 1);
  const body = crc32c(record.subarray(RECORD_HEADER_BYTES));
  record.writeUInt32LE(crc32c(record.subarray(0, RECORD_CHECKSUM_OFFSET), body), RECORD_CHECKSUM_OFFSET);
  return record;
}
