import { limits } from '../base/limits.ts';
import type { Lsn } from '../domain/lsn.ts';
import { type VerifiedStretch, verifyWal, type WalBuffers, type WalStretch } from '../safekeeper/verify-wal.ts';
import { findRecordBehindEnd } from '../safekeeper/wal-behind-end.ts';
import { requirePageMagic } from '../safekeeper/wal-end.ts';
import type { WalSource } from '../safekeeper/wal-walk.ts';

/** A stretch of WAL in a timeline's directory: plain values, so that another thread can be asked. */
export interface StretchJob {
  readonly directory: string;
  readonly stretch: WalStretch;
}

export interface CheckedStretch {
  readonly verified: VerifiedStretch;
  /** Of a stretch without a limit: a whole record behind its end. */
  readonly recordBehindEndLsn: Lsn | undefined;
}

/** Whoever reads stretches: this thread or others. Throws what reading throws. */
export interface StretchChecker {
  /** How many are worth asking for at once. */
  readonly concurrency: number;
  check(job: StretchJob, signal: AbortSignal): Promise<CheckedStretch>;
}

/** Reads a stretch and, at the end of the WAL, what follows. */
export async function checkStretch(
  source: WalSource,
  stretch: WalStretch,
  buffers: WalBuffers,
  signal: AbortSignal,
): Promise<CheckedStretch> {
  const bounds = { breakCountMax: limits.inspectBreaksMax, oddityCountMax: limits.inspectOdditiesMax };
  const verified = await verifyWal(source, stretch, buffers, bounds, signal);
  if (stretch.limitLsn !== undefined) return { verified, recordBehindEndLsn: undefined };
  const { walSegmentSize, pgVersion } = stretch;
  const recordBehindEndLsn = await findRecordBehindEnd({
    source,
    endLsn: verified.endLsn,
    walSegmentSize,
    magic: requirePageMagic(pgVersion),
    buffer: buffers[0],
    signal,
  });
  return { verified, recordBehindEndLsn };
}
