import { type Lsn, lsn } from '../domain/lsn.ts';
import {
  FIRST_IS_CONTRECORD,
  LONG_HEADER,
  MAY_REMOVE_BACKUP_BLOCKS,
  SHORT_PAGE_HEADER_BYTES,
  WAL_PAGE_BYTES,
} from './wal-page.ts';
import { isWalSegmentSize, POSTGRES_TIMELINE_ID } from './wal-segment.ts';

/** What a safekeeper reads over and Postgres would not, or nobody looks at: bytes that are not as they were written. */
export type WalOddity =
  /** The record says that another one came before it: one of them was written at another time than what is around it. */
  | { readonly kind: 'PreviousRecord'; readonly lsn: Lsn; readonly statedLsn: Lsn; readonly expectedLsn: Lsn }
  /** A field of the page header at `lsn` that is not what it can be. */
  | { readonly kind: 'PageHeader'; readonly lsn: Lsn; readonly field: string; readonly stated: string }
  /** The unused bytes behind the record that ends at `lsn` are not zero. */
  | { readonly kind: 'Padding'; readonly lsn: Lsn };

/** There is one more, for a record that was given up and overwritten: it ends the WAL of a safekeeper. */
const KNOWN_FLAGS = FIRST_IS_CONTRECORD | LONG_HEADER | MAY_REMOVE_BACKUP_BLOCKS;
const TIMELINE_OFFSET = 4;
const PADDING_OFFSET = 20;
const SYSTEM_ID_OFFSET = 24;
const SEGMENT_SIZE_OFFSET = 32;
const PAGE_SIZE_OFFSET = 36;
const UNKNOWN = -1;

/**
 * Compares what a {@link WalScanner} reads with what it must be, beyond what the scanner needs to go on. LSNs come in two
 * halves because a bigint for each record would take longer than its checksum. Remembers the first `oddityCountMax`.
 */
export class WalAudit {
  private readonly systemId: bigint;
  private readonly oddityCountMax: number;
  private readonly found: WalOddity[] = [];
  private foundCount = 0;
  private records = 0;
  private previousLow = UNKNOWN;
  private previousHigh = UNKNOWN;
  private first: { readonly lsn: Lsn; readonly previousLsn: Lsn } | undefined;

  /** `systemId` is the cluster's; 0 when it is not known. */
  constructor(systemId: bigint, oddityCountMax: number) {
    this.systemId = systemId;
    this.oddityCountMax = oddityCountMax;
  }

  get oddities(): readonly WalOddity[] {
    return this.found;
  }

  /** Also of those that are not remembered. */
  get oddityCount(): number {
    return this.foundCount;
  }

  get recordCount(): number {
    return this.records;
  }

  /** The first record and the one that it says came before it. */
  get firstRecord(): { readonly lsn: Lsn; readonly previousLsn: Lsn } | undefined {
    return this.first;
  }

  get lastRecordLsn(): Lsn | undefined {
    return this.previousLow === UNKNOWN ? undefined : join(this.previousHigh, this.previousLow);
  }

  /** The next record does not follow the last one. */
  forgetLastRecord(): void {
    this.previousLow = UNKNOWN;
  }

  /** A whole valid record. */
  record(high: number, low: number, statedHigh: number, statedLow: number): void {
    this.records++;
    if (this.previousLow === UNKNOWN) {
      this.first ??= { lsn: join(high, low), previousLsn: join(statedHigh, statedLow) };
    } else if (statedLow !== this.previousLow || statedHigh !== this.previousHigh) {
      const expectedLsn = join(this.previousHigh, this.previousLow);
      const statedLsn = join(statedHigh, statedLow);
      this.add({ kind: 'PreviousRecord', lsn: join(high, low), statedLsn, expectedLsn });
    }
    this.previousHigh = high;
    this.previousLow = low;
  }

  /** The bytes behind a record, up to where the next one starts. */
  padding(bytes: Uint8Array, from: number, to: number, chunkAddress: bigint): void {
    for (let at = from; at < to; at++) {
      if (bytes[at] !== 0) {
        this.add({ kind: 'Padding', lsn: lsn(chunkAddress + BigInt(from)) });
        return;
      }
    }
  }

  /** A header of `sizeBytes` at `offset` that the scanner takes. */
  pageHeader(view: DataView, offset: number, sizeBytes: number, address: bigint): void {
    const info = view.getUint16(offset + 2, true);
    const isLong = sizeBytes > SHORT_PAGE_HEADER_BYTES;
    this.compare(address, 'info', info, (info & ~KNOWN_FLAGS) === 0 && ((info & LONG_HEADER) !== 0) === isLong);
    const timeline = view.getUint32(offset + TIMELINE_OFFSET, true);
    this.compare(address, 'timeline', timeline, BigInt(timeline) === POSTGRES_TIMELINE_ID);
    const padding = view.getUint32(offset + PADDING_OFFSET, true);
    this.compare(address, 'padding', padding, padding === 0);
    if (!isLong) return;
    const systemId = view.getBigUint64(offset + SYSTEM_ID_OFFSET, true);
    this.compare(address, 'system id', systemId, this.systemId === 0n || systemId === this.systemId);
    const segmentSize = view.getUint32(offset + SEGMENT_SIZE_OFFSET, true);
    const startsSegment = isWalSegmentSize(segmentSize) && address % BigInt(segmentSize) === 0n;
    this.compare(address, 'segment size', segmentSize, startsSegment);
    const pageSize = view.getUint32(offset + PAGE_SIZE_OFFSET, true);
    this.compare(address, 'page size', pageSize, pageSize === WAL_PAGE_BYTES);
  }

  private compare(address: bigint, field: string, stated: number | bigint, isRight: boolean): void {
    if (!isRight) this.add({ kind: 'PageHeader', lsn: lsn(address), field, stated: stated.toString() });
  }

  private add(oddity: WalOddity): void {
    this.foundCount++;
    if (this.found.length < this.oddityCountMax) this.found.push(oddity);
  }
}

function join(high: number, low: number): Lsn {
  return lsn((BigInt(high) << 32n) | BigInt(low));
}
