import { assert } from '../base/assert.ts';
import { limits } from '../base/limits.ts';
import { type Lsn, lsn } from '../domain/lsn.ts';
import { WalAudit, type WalOddity } from './wal-audit.ts';
import { requirePageMagic } from './wal-end.ts';
import type { WalProblem } from './wal-scanner.ts';
import { type WalkEnd, type WalSource, type WalWalkRequest, walkWal } from './wal-walk.ts';

/** A piece of WAL to be read record by record. Plain values only: it may be sent to another thread. */
export interface WalStretch {
  /** A record boundary, or, with `insideRecord`, the start of a page that may be inside a record. */
  readonly startLsn: Lsn;
  readonly insideRecord: boolean;
  /** The stretch ends with the first record that ends here or later; undefined: with the end of the WAL. */
  readonly limitLsn: Lsn | undefined;
  readonly walSegmentSize: number;
  /** `server_version_num`, Postgres 14 to 17. */
  readonly pgVersion: number;
  /** As the long page headers must have it; 0: any. */
  readonly systemId: bigint;
}

/** A place where the chain of records is broken. */
export interface WalBreak {
  /** End of the last record that could be read: where the one starts that cannot. */
  readonly recordLsn: Lsn;
  /** Where the bytes are that are wrong or missing. */
  readonly lsn: Lsn;
  readonly problem: WalProblem | 'FileMissing' | 'FileShort';
}

export interface VerifiedStretch {
  /** The first record, and the one that it says came before it. */
  readonly firstRecord: { readonly lsn: Lsn; readonly previousLsn: Lsn } | undefined;
  /** The start, or the first record boundary behind it when that was inside a record; undefined: there is none. */
  readonly boundaryLsn: Lsn | undefined;
  readonly lastRecordLsn: Lsn | undefined;
  /** End of the last whole valid record, aligned; the next segment's start after a switch record. */
  readonly endLsn: Lsn;
  /** Where the last record ended, when it was a switch record: from there to `endLsn` there is nothing. */
  readonly switchedAt: Lsn | undefined;
  /**
   * Where it could not be read on, in order. With a limit reading was taken up again at the next file; without one there is
   * exactly one, the end of the WAL.
   */
  readonly breaks: readonly WalBreak[];
  /** Up to the limit nothing was read from here on, because too much before it is broken. */
  readonly unreadLsn: Lsn | undefined;
  /** What is not as it was written, though it could be read on; the first few of `oddityCount`. */
  readonly oddities: readonly WalOddity[];
  readonly oddityCount: number;
  readonly recordCount: number;
  /** From the start to the end, or to the limit. */
  readonly sizeBytes: bigint;
}

/** How much is remembered of what is wrong. */
export interface VerifyBounds {
  readonly breakCountMax: number;
  readonly oddityCountMax: number;
}

/** Divides every legal segment size, and is a multiple of a page. */
const BUFFER_BYTES = limits.walSegmentSizeMin / 2;

/** Buffers that a verification takes and that the next one may take again; with two it reads ahead. */
export type WalBuffers = WalWalkRequest['buffers'];

/** Where reading ahead is of no use the first is enough. */
export function allocateWalBuffers(): readonly [Uint8Array, Uint8Array] {
  return [new Uint8Array(BUFFER_BYTES), new Uint8Array(BUFFER_BYTES)];
}

/**
 * Reads every record of a stretch and checks everything about it: checksums, links to the record before, page headers,
 * padding. One stretch may follow another: `endLsn` of the one is then `boundaryLsn` of the next. Memory is the buffers,
 * whatever the length of WAL and records. Throws a Failure `PostgresVersionUnknown`, or what the source throws.
 */
export async function verifyWal(
  source: WalSource,
  stretch: WalStretch,
  buffers: WalBuffers,
  bounds: VerifyBounds,
  signal: AbortSignal,
): Promise<VerifiedStretch> {
  const { startLsn, limitLsn, walSegmentSize } = stretch;
  assert(limitLsn === undefined || limitLsn > startLsn, 'a stretch has a length');
  const magic = requirePageMagic(stretch.pgVersion);
  const audit = new WalAudit(stretch.systemId, bounds.oddityCountMax);
  const limit = limitLsn === undefined ? {} : { limitLsn };
  const breaks: WalBreak[] = [];
  let boundaryLsn: Lsn | undefined = stretch.insideRecord ? undefined : startLsn;
  let at = startLsn;
  let insideRecord = stretch.insideRecord;
  for (;;) {
    const request = { source, startLsn: at, insideRecord, walSegmentSize, magic, audit, buffers, signal };
    const end = await walkWal({ ...request, ...limit });
    if (at === startLsn && insideRecord) boundaryLsn = end.boundaryLsn;
    const found = breakOf(end);
    if (found !== undefined) breaks.push(found);
    const next = found === undefined ? undefined : nextFile(found, walSegmentSize);
    const isOver = next === undefined || limitLsn === undefined || next >= limitLsn;
    if (isOver || breaks.length >= bounds.breakCountMax) {
      const { firstRecord, lastRecordLsn, oddities, oddityCount, recordCount } = audit;
      const sizeBytes = (isOver && limitLsn !== undefined ? limitLsn : end.endLsn) - startLsn;
      const counted = { oddities, oddityCount, recordCount, sizeBytes };
      const { endLsn, switchedAt } = end;
      const unreadLsn = isOver ? undefined : next;
      return { firstRecord, boundaryLsn, lastRecordLsn, endLsn, switchedAt, breaks, unreadLsn, ...counted };
    }
    at = next;
    insideRecord = true;
    audit.forgetLastRecord();
  }
}

function breakOf({ endLsn, stop }: WalkEnd): WalBreak | undefined {
  if (stop.kind === 'Limit') return undefined;
  const problem = stop.kind === 'Invalid' ? stop.problem : stop.kind;
  return { recordLsn: endLsn, lsn: stop.lsn, problem };
}

/** Where reading can be taken up again: a file's first page tells how much of a record from before it holds. */
function nextFile({ recordLsn, lsn: at }: WalBreak, walSegmentSize: number): Lsn | undefined {
  const from = recordLsn > at ? recordLsn : at;
  const next = (from / BigInt(walSegmentSize) + 1n) * BigInt(walSegmentSize);
  return next < 2n ** 64n ? lsn(next) : undefined;
}
