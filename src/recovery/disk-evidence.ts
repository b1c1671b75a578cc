import { limits } from '../base/limits.ts';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { DiskEvidence } from '../domain/observation.ts';
import type { SafekeeperClient } from '../safekeeper/client.ts';
import { segmentCount, segmentFileName, segmentsOf, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';

/**
 * Rule R13: every segment that a snapshot must contain has to be on the disk, full or partial. The safekeeper reads whole
 * files for it: one call at a time. Throws a Failure when it does not tell.
 */
export async function readDisk(
  client: Pick<SafekeeperClient, 'debugDumpDisk'>,
  timeline: TenantTimelineId,
  signal: AbortSignal,
): Promise<DiskEvidence> {
  const dump = await client.debugDumpDisk(timeline, signal);
  if (dump === undefined || dump.offloaded || dump.positions === undefined) return { kind: 'NotApplicable' };
  const range = snapshotSegmentRange(dump.positions);
  // Nobody streams more than this: the pull itself will say so.
  if (range === undefined || segmentCount(range) > limits.snapshotSegmentCountMax) return { kind: 'NotApplicable' };
  const files = new Set(dump.files);
  const missing = [...segmentsOf(range)]
    .map((segment) => segmentFileName(segment, dump.positions.walSegmentSize))
    .filter((name) => !files.has(name) && !files.has(`${name}.partial`));
  return missing.length === 0 ? { kind: 'Complete' } : { kind: 'Missing', segments: missing };
}
