import { type Lsn, lsn, minLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { knownStartLsn } from '../safekeeper/timeline-wal.ts';
import type { WalStretch } from '../safekeeper/verify-wal.ts';
import { WAL_PAGE_BYTES } from '../safekeeper/wal-page.ts';
import { type SegmentRange, segmentStart } from '../safekeeper/wal-segment.ts';
import { CLUSTER_SEGMENT_BYTES } from '../safekeeper/wal-walk.ts';

/** Large enough that asking another thread costs nothing, small enough that all threads end at about the same time. */
const STRETCH_BYTES = 64 * 1024 * 1024;

/**
 * All WAL of consecutive segments as stretches that can be read at the same time, in order: each but the first begins
 * where the one before reaches its limit. They are cut at commit_lsn, which must be a record boundary, so that the last
 * one, without a limit, finds the end of the WAL as a safekeeper does; there is none when commit_lsn is elsewhere.
 */
export function planStretches(controlFile: ControlFile, run: SegmentRange): WalStretch[] {
  const { walSegmentSize, pgVersion, systemId } = controlFile.server;
  const { commitLsn } = controlFile;
  const runStart = segmentStart(run.first, walSegmentSize);
  const runEnd = lsn(segmentStart(run.last, walSegmentSize) + BigInt(walSegmentSize));
  const known = knownStartLsn(controlFile);
  const startsHere = known !== undefined && known >= runStart && known < runEnd;
  const start = startsHere ? known : runStart;
  const common = { walSegmentSize, pgVersion, systemId };
  const stretches: WalStretch[] = [];
  const end = minLsn(commitLsn, runEnd);
  for (let at = start; at < end; ) {
    const limitLsn = minLsn(end, nextCut(at, walSegmentSize));
    stretches.push({ ...common, startLsn: at, insideRecord: at > start || !startsHere, limitLsn });
    at = limitLsn;
  }
  if (commitLsn >= start && commitLsn < runEnd) {
    stretches.push({ ...common, startLsn: commitLsn, insideRecord: false, limitLsn: undefined });
  }
  return stretches;
}

/**
 * The page of the last byte before commit_lsn, from its first record to commit_lsn: a look at whether committed WAL is
 * there at all. Undefined when there is none, or when the page may lie behind a switch record, where nothing is.
 */
export function lastCommittedPage(controlFile: ControlFile): WalStretch | undefined {
  const { commitLsn, server } = controlFile;
  const start = knownStartLsn(controlFile);
  if (commitLsn === 0n || (start !== undefined && commitLsn <= start)) return undefined;
  if (commitLsn % BigInt(server.walSegmentSize) === 0n || commitLsn % BigInt(CLUSTER_SEGMENT_BYTES) === 0n)
    return undefined;
  const page = lsn(((commitLsn - 1n) / BigInt(WAL_PAGE_BYTES)) * BigInt(WAL_PAGE_BYTES));
  const startsHere = start !== undefined && start >= page;
  return { ...server, startLsn: startsHere ? start : page, insideRecord: !startsHere, limitLsn: commitLsn };
}

/** Where a switch record may have left files without content, none starts with a record: 16 MiB is the least. */
function nextCut(at: Lsn, walSegmentSize: number): Lsn {
  const size = BigInt(Math.max(STRETCH_BYTES, walSegmentSize));
  return lsn((at / size + 1n) * size);
}
