import { type Lsn, lsn } from '../domain/lsn.ts';
import { Crc32c } from './crc32c.ts';
import type { WalAudit } from './wal-audit.ts';
import { hasPageMagic, readWalPageHeader, SHORT_PAGE_HEADER_BYTES, WAL_PAGE_BYTES } from './wal-page.ts';
import {
  alignRecord,
  isSwitchRecord,
  RECORD_BYTES_MAX,
  RECORD_CHECKSUM_OFFSET,
  RECORD_HEADER_BYTES,
  RECORD_PREVIOUS_OFFSET,
} from './wal-record.ts';

/** A piece of WAL in memory: `bytes[from, to)` is valid, and `bytes[0]` lies at `address`, a page boundary. */
export interface WalChunk {
  readonly bytes: Uint8Array;
  readonly address: Lsn;
  readonly from: number;
  readonly to: number;
}

/**
 * `Read`: the chunk is used up. `Invalid`: what follows is not WAL. `Switched`: the last record was a switch record.
 * `Reached`: the end of a record is at or behind the limit.
 */
export type ScanResult = 'Read' | 'Invalid' | 'Switched' | 'Reached';

/** What keeps bytes from being WAL. */
export type WalProblem =
  | 'PageMagic'
  | 'PageAddress'
  /** The page's header and the record before it do not agree on whether, or for how long, that record goes on. */
  | 'Continuation'
  | 'RecordLength'
  | 'RecordChecksum';

export interface WalScannerOptions {
  /** The start is that of a page inside a record of which nothing is known: it is passed over. */
  readonly insideRecord?: boolean;
  /** Scanning stops with the first record that ends here or later. */
  readonly limitLsn?: Lsn;
  /** Looks at everything that is read. */
  readonly audit?: WalAudit;
}

const INVALID = -1;

/**
 * Walks over WAL chunk by chunk, each beginning where the one before ended, and knows the end of the last whole valid
 * record. It holds no more than one record header: a long record's checksum is computed as its pieces come by.
 *
 * The rules are those of the safekeeper's own decoder, which is more lenient than Postgres: links to the previous
 * record and page timelines are not compared (an audit does), and an aborted record that Postgres has overwritten ends
 * the WAL.
 */
export class WalScanner {
  private readonly magic: number;
  private readonly limit: Lsn | undefined;
  private readonly audit: WalAudit | undefined;
  private readonly crc = new Crc32c();
  private end: Lsn;

  private bytes: Uint8Array = new Uint8Array(0);
  private view: DataView = new DataView(this.bytes.buffer);
  private address: bigint = 0n;
  private addressHigh = 0;
  private addressLow = 0;
  private to = 0;
  private limitOffset = Infinity;
  private endOffset = INVALID;
  private switched = false;
  private problemOffset = 0;
  private problem: WalProblem | undefined;

  /** A record that began on an earlier page: its header as far as it has come, and what is still missing. */
  private readonly header = new Uint8Array(RECORD_HEADER_BYTES);
  private readonly headerView = new DataView(this.header.buffer);
  private headerFill = 0;
  private pendingBytes = 0;
  private pendingCrc = 0;
  private pendingHigh = 0;
  private pendingLow = 0;
  /** The next page header tells how much of a record is to be passed over. */
  private isInside: boolean;
  /** It is being passed over. */
  private isPassing = false;
  private boundary: Lsn | undefined;

  /** `startLsn` is a record boundary, or the start of a page; `magic` is that of the cluster's pages. */
  constructor(startLsn: Lsn, magic: number, options: WalScannerOptions = {}) {
    this.end = startLsn;
    this.magic = magic;
    this.limit = options.limitLsn;
    this.audit = options.audit;
    this.isInside = options.insideRecord ?? false;
  }

  /**
   * End of the last whole valid record, aligned to where the next one would start unless that was a switch record. The
   * start before there was one, and the end of what was passed over.
   */
  get endLsn(): Lsn {
    return this.end;
  }

  /** With `insideRecord`: the first record boundary, once it is known; a page's start when the page begins with a record. */
  get boundaryLsn(): Lsn | undefined {
    return this.boundary;
  }

  /** After `Invalid`: what is wrong, and with the bytes from where on. */
  get invalid(): { readonly problem: WalProblem; readonly lsn: Lsn } | undefined {
    const { problem, address, problemOffset } = this;
    return problem === undefined ? undefined : { problem, lsn: lsn(address + BigInt(problemOffset)) };
  }

  scan(chunk: WalChunk): ScanResult {
    this.bytes = chunk.bytes;
    this.view = new DataView(chunk.bytes.buffer, chunk.bytes.byteOffset, chunk.bytes.byteLength);
    this.address = chunk.address;
    this.addressHigh = Number(chunk.address >> 32n);
    this.addressLow = Number(chunk.address & 0xffff_ffffn);
    this.to = chunk.to;
    this.limitOffset = this.limit === undefined ? Infinity : Math.max(0, Number(this.limit - chunk.address));
    this.endOffset = INVALID;
    this.switched = false;
    let at = chunk.from;
    while (at < this.to && at !== INVALID && !this.switched && this.endOffset < this.limitOffset) at = this.step(at);
    // One bigint a chunk, not one a record.
    if (this.endOffset !== INVALID) this.end = lsn(chunk.address + BigInt(this.endOffset));
    if (this.switched) return 'Switched';
    if (at === INVALID) return 'Invalid';
    return this.endOffset >= this.limitOffset ? 'Reached' : 'Read';
  }

  /** Each of the steps returns where to go on, or INVALID. */
  private step(at: number): number {
    if (at % WAL_PAGE_BYTES === 0) return this.skipPageHeader(at);
    return this.pendingBytes > 0 ? this.continueRecord(at) : this.startRecord(at);
  }

  private skipPageHeader(at: number): number {
    if (this.to - at < SHORT_PAGE_HEADER_BYTES) return this.to;
    const address = this.address + BigInt(at);
    const header = readWalPageHeader(this.view, at, address, this.magic);
    if (header === undefined) {
      return this.refuse(at, hasPageMagic(this.view, at, this.magic) ? 'PageAddress' : 'PageMagic');
    }
    if (this.isInside && header.isContinuation) this.pendingBytes = header.remainingBytes;
    if (header.isContinuation !== this.pendingBytes > 0 || header.remainingBytes !== this.pendingBytes) {
      return this.refuse(at, 'Continuation');
    }
    this.audit?.pageHeader(this.view, at, header.sizeBytes, address);
    if (this.isInside) {
      this.isInside = false;
      this.isPassing = this.pendingBytes > 0;
      if (!this.isPassing) {
        this.boundary = lsn(address);
        this.endOffset = at + header.sizeBytes;
      }
    }
    return at + header.sizeBytes;
  }

  private startRecord(at: number): number {
    const left = this.pageEnd(at) - at;
    if (left < 4) return this.refuse(at, 'RecordLength');
    const size = this.view.getUint32(at, true);
    if (size < RECORD_HEADER_BYTES || size > RECORD_BYTES_MAX) return this.refuse(at, 'RecordLength');
    if (size > left) {
      this.headerFill = 0;
      this.pendingBytes = size;
      this.pendingCrc = 0;
      this.pendingHigh = this.addressHigh;
      this.pendingLow = this.addressLow + at;
      return at;
    }
    const body = this.crc.update(0, this.bytes, at + RECORD_HEADER_BYTES, at + size);
    const computed = this.crc.update(body, this.bytes, at, at + RECORD_CHECKSUM_OFFSET);
    const { view } = this;
    if (computed !== view.getUint32(at + RECORD_CHECKSUM_OFFSET, true)) return this.refuse(at, 'RecordChecksum');
    if (this.audit !== undefined) {
      const previous = at + RECORD_PREVIOUS_OFFSET;
      const low = this.addressLow + at;
      this.audit.record(this.addressHigh, low, view.getUint32(previous + 4, true), view.getUint32(previous, true));
    }
    return this.endRecord(at + size, isSwitchRecord(this.bytes, at));
  }

  private continueRecord(at: number): number {
    const next = Math.min(this.pageEnd(at), at + this.pendingBytes);
    this.pendingBytes -= next - at;
    if (this.isPassing) return this.pendingBytes > 0 ? next : this.endPassing(next);
    const headerBytes = Math.min(RECORD_HEADER_BYTES - this.headerFill, next - at);
    if (headerBytes > 0) {
      this.header.set(this.bytes.subarray(at, at + headerBytes), this.headerFill);
      this.headerFill += headerBytes;
    }
    this.pendingCrc = this.crc.update(this.pendingCrc, this.bytes, at + headerBytes, next);
    if (this.pendingBytes > 0) return next;
    const { headerView } = this;
    const computed = this.crc.update(this.pendingCrc, this.header, 0, RECORD_CHECKSUM_OFFSET);
    if (computed !== headerView.getUint32(RECORD_CHECKSUM_OFFSET, true)) return this.refuse(at, 'RecordChecksum');
    if (this.audit !== undefined) {
      const previousHigh = headerView.getUint32(RECORD_PREVIOUS_OFFSET + 4, true);
      const previousLow = headerView.getUint32(RECORD_PREVIOUS_OFFSET, true);
      this.audit.record(this.pendingHigh, this.pendingLow, previousHigh, previousLow);
    }
    return this.endRecord(next, isSwitchRecord(this.header, 0));
  }

  private endPassing(end: number): number {
    this.isPassing = false;
    this.endOffset = alignRecord(end);
    this.boundary = lsn(this.address + BigInt(this.endOffset));
    return this.endOffset;
  }

  private endRecord(end: number, isSwitch: boolean): number {
    this.switched = isSwitch;
    this.endOffset = isSwitch ? end : alignRecord(end);
    this.audit?.padding(this.bytes, end, Math.min(this.endOffset, this.to), this.address);
    return this.endOffset;
  }

  private refuse(at: number, problem: WalProblem): number {
    this.problem = problem;
    this.problemOffset = at;
    return INVALID;
  }

  /** End of the page that holds `at`, or of the chunk. */
  private pageEnd(at: number): number {
    return Math.min(this.to, at - (at % WAL_PAGE_BYTES) + WAL_PAGE_BYTES);
  }
}
