import { INVALID_LSN, type Lsn, lsn, minLsn } from '../domain/lsn.ts';
import type { ControlFile } from './control-file.ts';
import { findWalEnd } from './wal-end.ts';
import type { WalSource } from './wal-walk.ts';
import { type SegmentRange, segmentNumber, snapshotSegmentRange } from './wal-segment.ts';

/** What a control file says of the WAL that must be beside it; every judge of a timeline's files goes by this. */

/** Up to version 4 nobody remembered where the WAL started: 0, or 1 since then. */
const UNKNOWN_START_LSN_MAX = 1n;

/**
 * Where a timeline's WAL ends: what {@link findWalEnd} finds from commit_lsn on; of an offloaded timeline where it ended
 * when it was moved away. Throws what {@link findWalEnd} throws.
 */
export async function findTimelineEnd(source: WalSource, controlFile: ControlFile, signal: AbortSignal): Promise<Lsn> {
  if (controlFile.eviction.kind === 'Offloaded') return controlFile.eviction.flushLsn;
  const { walSegmentSize, pgVersion } = controlFile.server;
  return await findWalEnd({ source, startLsn: controlFile.commitLsn, walSegmentSize, pgVersion, signal });
}

/**
 * Nothing can be missing from remote storage and pageserver that they have told of; as long as one of them has told
 * nothing, nothing may be removed: a snapshot then carries no WAL, though there is some up to `endLsn`.
 */
export function isHorizonUnknown(controlFile: ControlFile, endLsn: Lsn): boolean {
  const { remoteConsistentLsn, backupLsn, timelineStartLsn } = controlFile;
  return minLsn(remoteConsistentLsn, backupLsn) === INVALID_LSN && endLsn > timelineStartLsn;
}

/** Where this replica's WAL started; undefined when nobody remembers. */
export function knownStartLsn({ localStartLsn }: ControlFile): Lsn | undefined {
  return localStartLsn > UNKNOWN_START_LSN_MAX ? localStartLsn : undefined;
}

/**
 * The segments that must be on the disk of a replica whose WAL ends at `endLsn`: from the oldest one that pageserver or
 * remote storage may still lack, or from the start while they have told nothing, to that of the last byte; never from
 * before the start, where this replica had none. Undefined when there are none: nothing was ever written, or all of it is
 * elsewhere.
 */
export function requiredSegments(controlFile: ControlFile, endLsn: Lsn): SegmentRange | undefined {
  if (controlFile.eviction.kind === 'Offloaded') return undefined;
  const { remoteConsistentLsn, backupLsn, server } = controlFile;
  const { walSegmentSize } = server;
  const start = knownStartLsn(controlFile);
  if (endLsn === INVALID_LSN || endLsn === start) return undefined;
  const startSegment = start === undefined ? undefined : segmentNumber(start, walSegmentSize);
  if (isHorizonUnknown(controlFile, endLsn)) {
    const last = segmentNumber(lsn(endLsn - 1n), walSegmentSize);
    return { first: startSegment ?? last, last };
  }
  const range = snapshotSegmentRange({ remoteConsistentLsn, backupLsn, flushLsn: endLsn, walSegmentSize });
  const isEarlier = range !== undefined && startSegment !== undefined && range.first < startSegment;
  return isEarlier ? { first: startSegment, last: range.last } : range;
}

/** A file of a segment behind the WAL's end cannot be: only the one at the end may exist already, still empty. */
export function isBehindEnd(range: SegmentRange, endLsn: Lsn, walSegmentSize: number): boolean {
  return endLsn === INVALID_LSN || range.last > segmentNumber(endLsn, walSegmentSize);
}
