import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { INVALID_LSN, type Lsn } from '../domain/lsn.ts';
import { walPageMagic } from './wal-page.ts';
import { type WalSource, walkWal } from './wal-walk.ts';

export type { WalFile, WalSource } from './wal-walk.ts';

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

/**
 * Where the WAL ends, as a safekeeper finds it at start: the aligned end of the last whole valid record reached from
 * `startLsn`, the next segment's start after a switch record, `startLsn` itself when nothing valid follows (even when
 * its segment is missing), 0 when `startLsn` is 0. Of two files for one segment `.partial` is read. Uses one buffer of
 * 128 KiB whatever the length of WAL and records. Throws a Failure `PostgresVersionUnknown`, or what the source throws.
 */
export async function findWalEnd(request: WalEndRequest): Promise<Lsn> {
  if (request.startLsn === INVALID_LSN) return INVALID_LSN;
  const magic = requirePageMagic(request.pgVersion);
  const { endLsn } = await walkWal({ ...request, magic, buffers: [Buffer.allocUnsafeSlow(CHUNK_BYTES)] });
  return endLsn;
}

/** Throws a Failure `PostgresVersionUnknown`. */
export function requirePageMagic(pgVersion: number): number {
  const magic = walPageMagic(pgVersion);
  if (magic !== undefined) return magic;
  const problem = `the WAL of pg_version ${pgVersion} is not supported (Postgres 14 to 17 is)`;
  throw new Failure('PostgresVersionUnknown', problem, { retry: 'never' });
}
