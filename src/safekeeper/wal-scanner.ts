import { type Lsn, lsn } from '../domain/lsn.ts';
import { Crc32c } from './crc32c.ts';
import { readWalPageHeader, SHORT_PAGE_HEADER_BYTES, WAL_PAGE_BYTES } from './wal-page.ts';
import {
  alignRecord,
  isSwitchRecord,
  RECORD_BYTES_MAX,
  RECORD_CHECKSUM_OFFSET,
  RECORD_HEADER_BYTES,
} from './wal-record.ts';

/** A piece of WAL in memory: `bytes[from, to)` is valid, and `bytes[0]` lies at `address`, a page boundary. */
export interface WalChunk {
  readonly bytes: Uint8Array;
  readonly address: Lsn;
  readonly from: number;
  readonly to: number;
}

/** `Read`: the chunk is used up. `Invalid`: what follows is not WAL. `Switched`: the last record was a switch record. */
export type ScanResult = 'Read' | 'Invalid' | 'Switched';

const INVALID = -1;

/**
 * Walks over WAL chunk by chunk, each beginning where the one before ended, and knows the end of the last whole valid
 * record. It holds no more than one record header: a long record's checksum is computed as its pieces come by.
 *
 * The rules are those of the safekeeper's own decoder, which is more lenient than Postgres: links to the previous
 * record and page timelines are not compared, and an aborted record that Postgres has overwritten ends the WAL.
 */
export class WalScanner {
  private readonly magic: number;
  private readonly crc = new Crc32c();
  private end: Lsn;

  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  private address: bigint = 0n;
  private to = 0;
  private endOffset = INVALID;
  private switched = false;

  /** A record that began on an earlier page: its header as far as it has come, and what is still missing. */
  private readonly header = new Uint8Array(RECORD_HEADER_BYTES);
  private readonly headerView = new DataView(this.header.buffer);
  private headerFill = 0;
  private pendingBytes = 0;
  private pendingCrc = 0;

  /** `startLsn` is a record boundary; `magic` is that of the cluster's pages. */
  constructor(startLsn: Lsn, magic: number) {
    this.end = startLsn;
    this.magic = magic;
  }

  /** End of the last whole valid record, aligned to where the next one would start unless that was a switch record. */
  get endLsn(): Lsn {
    return this.end;
  }

  scan(chunk: WalChunk): ScanResult {
    this.bytes = chunk.bytes;
    this.view = new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.byteLength);
    this.address = chunk.address;
    this.to = chunk.to;
    this.endOffset = INVALID;
    this.switched = false;
    let at = chunk.from;
    while (at < this.to && at !== INVALID && !this.switched) at = this.step(at);
    // One bigint a chunk, not one a record.
    if (this.endOffset !== INVALID) this.end = lsn(chunk.address + BigInt(this.endOffset));
    if (this.switched) return 'Switched';
    return at === INVALID ? 'Invalid' : 'Read';
  }

  /** Each of the steps returns where to go on, or INVALID. */
  private step(at: number): number {
    if (at % WAL_PAGE_BYTES === 0) return this.skipPageHeader(at);
    return this.pendingBytes > 0 ? this.continueRecord(at) : this.startRecord(at);
  }

  private skipPageHeader(at: number): number {
    if (this.to - at < SHORT_PAGE_HEADER_BYTES) return this.to;
    const header = readWalPageHeader(this.view, at, this.address + BigInt(at), this.magic);
    if (header === undefined) return INVALID;
    if (header.isContinuation !== this.pendingBytes > 0 || header.remainingBytes !== this.pendingBytes) return INVALID;
    return at + header.sizeBytes;
  }

  private startRecord(at: number): number {
    const left = this.pageEnd(at) - at;
    if (left < 4) return INVALID;
    const size = this.view.getUint32(at, true);
    if (size < RECORD_HEADER_BYTES || size > RECORD_BYTES_MAX) return INVALID;
    if (size > left) {
      this.headerFill = 0;
      this.pendingBytes = size;
      this.pendingCrc = 0;
      return at;
    }
    const body = this.crc.update(0, this.bytes, at + RECORD_HEADER_BYTES, at + size);
    const computed = this.crc.update(body, this.bytes, at, at + RECORD_CHECKSUM_OFFSET);
    if (computed !== this.view.getUint32(at + RECORD_CHECKSUM_OFFSET, true)) return INVALID;
    return this.endRecord(at + size, isSwitchRecord(this.bytes, at));
  }

  private continueRecord(at: number): number {
    const next = Math.min(this.pageEnd(at), at + this.pendingBytes);
    this.pendingBytes -= next - at;
    const headerBytes = Math.min(RECORD_HEADER_BYTES - this.headerFill, next - at);
    if (headerBytes > 0) {
      this.header.set(this.bytes.subarray(at, at + headerBytes), this.headerFill);
      this.headerFill += headerBytes;
    }
    this.pendingCrc = this.crc.update(this.pendingCrc, this.bytes, at + headerBytes, next);
    if (this.pendingBytes > 0) return next;
    const computed = this.crc.update(this.pendingCrc, this.header, 0, RECORD_CHECKSUM_OFFSET);
    if (computed !== this.headerView.getUint32(RECORD_CHECKSUM_OFFSET, true)) return INVALID;
    return this.endRecord(next, isSwitchRecord(this.header, 0));
  }

  private endRecord(end: number, isSwitch: boolean): number {
    this.switched = isSwitch;
    this.endOffset = isSwitch ? end : alignRecord(end);
    return this.endOffset;
  }

  /** End of the page that holds `at`, or of the chunk. */
  private pageEnd(at: number): number {
    return Math.min(this.to, at - (at % WAL_PAGE_BYTES) + WAL_PAGE_BYTES);
  }
}
