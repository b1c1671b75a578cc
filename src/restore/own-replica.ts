import { limits } from '../base/limits.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { INVALID_LSN, minLsn } from '../domain/lsn.ts';
import type { ReplicaStatus } from '../domain/observation.ts';
import { segmentCount, segmentFileName, segmentsOf, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';
import type { Timeline } from '../transfer/timeline.ts';
import type { KnownTimeline } from './inventory.ts';

/** What our own replica would say of itself if its safekeeper ran. */
export function ownStatus(timeline: Timeline): ReplicaStatus {
  const { controlFile, flushLsn, lastLogTerm } = timeline;
  const { remoteConsistentLsn, backupLsn, server } = controlFile;
  return {
    term: controlFile.term,
    lastLogTerm,
    flushLsn,
    commitLsn: controlFile.commitLsn,
    membership: controlFile.membership,
    peerHorizonLsn: controlFile.peerHorizonLsn,
    compute: 'None',
    walSegmentSize: server.walSegmentSize,
    horizonLsn: minLsn(remoteConsistentLsn, backupLsn),
    timelineStartLsn: controlFile.timelineStartLsn,
    snapshotSizeBytes: 0,
  };
}

/** Whether our replica may be hollow by what the peers told, or left out (rule R8); the rules decide it on statuses. */
export function mayBeHollow({ flushLsn }: Timeline, known: KnownTimeline): boolean {
  if (!known.isToldOf) return true;
  return known.peerHorizonLsn > flushLsn || (flushLsn === INVALID_LSN && known.flushLsn !== INVALID_LSN);
}

/** Names of the WAL files that the control file asks for and that are not there (rule R13), the first of them. */
export async function missingSegments(files: FileSystem, timeline: Timeline): Promise<readonly string[]> {
  const { controlFile, flushLsn, directory } = timeline;
  const { walSegmentSize } = controlFile.server;
  if (controlFile.eviction.kind === 'Offloaded') return [];
  const range = snapshotSegmentRange({ ...controlFile, flushLsn, walSegmentSize });
  if (range === undefined || segmentCount(range) > limits.snapshotSegmentCountMax) return [];
  const names = new Set((await files.list(directory)).map(({ name }) => name));
  return [...segmentsOf(range)]
    .map((segment) => segmentFileName(segment, walSegmentSize))
    .filter((name) => !names.has(name) && !names.has(`${name}.partial`));
}
