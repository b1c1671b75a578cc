import type { ReplicaEntry, SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import { type Lsn, parseLsn } from '../../domain/lsn.ts';

/** Where one replica's WAL ends, beside the others of its timeline. */
export interface ReplicaPosition {
  readonly entry: ReplicaEntry;
  /** Undefined where nothing is known of it, or where it has no WAL of its own. */
  readonly flushLsn: Lsn | undefined;
  /** How far it is behind the most advanced replica; undefined with {@link flushLsn}. */
  readonly lagBytes: bigint | undefined;
}

/** A replica in such a state has no WAL that counts, whatever was once known of it. */
const WITHOUT_WAL: ReadonlySet<ReplicaEntry['state']> = new Set(['Lost', 'Deleted', 'Corrupt']);

/** The replicas by safekeeper id, each measured against the one whose WAL ends last. */
export function replicaPositions({ replicas = [] }: SafekeeperTimelineStatus): ReplicaPosition[] {
  const ends = replicas
    .toSorted((a, b) => a.safekeeperId - b.safekeeperId)
    .map((entry) => ({
      entry,
      flushLsn: WITHOUT_WAL.has(entry.state) ? undefined : parseLsn(entry.flushLsn ?? ''),
    }));
  const last = ends.reduce((max, { flushLsn = 0n }) => (flushLsn > max ? flushLsn : max), 0n);
  return ends.map((end) => ({ ...end, lagBytes: end.flushLsn === undefined ? undefined : last - end.flushLsn }));
}

/** The lag of a bar whose last cell is empty: nearly nothing; each further cell stands for so many times as much. */
const FIRST_CELL_BYTES = 1_024;
const LAG_MAX_BYTES = 2 ** 40;

/**
 * How many of `cells` are full. LSNs of one timeline differ by little of what they are, so the scale is one of lag, and
 * logarithmic: full is level with the most advanced replica, any lag at all empties a cell, 1 TiB empties all but one,
 * and none at all is left to a replica without WAL.
 */
export function fullCells(lagBytes: bigint | undefined, cells: number): number {
  if (lagBytes === undefined) return 0;
  if (lagBytes <= 0n) return cells;
  const lag = Math.max(Number(lagBytes), FIRST_CELL_BYTES);
  const fraction = Math.log(lag / FIRST_CELL_BYTES) / Math.log(LAG_MAX_BYTES / FIRST_CELL_BYTES);
  const empty = 1 + Math.floor(fraction * (cells - 2));
  return Math.max(1, cells - empty);
}
