import { minLsn } from '../domain/lsn.ts';
import type { ReplicaStatus } from '../domain/observation.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import { segmentCount, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';

/** The part of a status that recovery is decided on. */
export function toReplicaStatus(status: TimelineStatus): ReplicaStatus {
  const { walSegmentSize } = status.server;
  const range = snapshotSegmentRange({ ...status, walSegmentSize });
  const snapshotSizeBytes = range === undefined ? 0n : segmentCount(range) * BigInt(walSegmentSize);
  const streaming = status.walreceivers.some((walreceiver) => walreceiver.status === 'Streaming');
  return {
    lastLogTerm: status.lastLogTerm,
    flushLsn: status.flushLsn,
    term: status.term,
    commitLsn: status.commitLsn,
    membership: status.membership,
    peerHorizonLsn: status.peerHorizonLsn,
    compute: streaming ? 'Streaming' : status.walreceivers.length > 0 ? 'Connected' : 'None',
    walSegmentSize,
    horizonLsn: minLsn(status.remoteConsistentLsn, status.backupLsn),
    // Positions are whatever a remote sends.
    timelineStartLsn: status.timelineStartLsn,
    snapshotSizeBytes: Math.min(Number(snapshotSizeBytes), Number.MAX_SAFE_INTEGER),
  };
}
