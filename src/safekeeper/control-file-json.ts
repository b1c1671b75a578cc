import { formatLsn } from '../domain/lsn.ts';
import type { ControlFile, EvictionState, PartialSegment } from './control-file.ts';
import { membershipToJson, serverInfoToJson, termHistoryToJson } from './shared-json.ts';

/**
 * The control file as safekeepers show it in `debug_dump`, names and key order included. Terms and ids are bigints:
 * write the value with `stringifyLosslessJson`.
 */
export function controlFileToJson(file: ControlFile) {
  return {
    tenant_id: file.tenantId,
    timeline_id: file.timelineId,
    mconf: membershipToJson(file.membership),
    acceptor_state: { term: file.term, term_history: termHistoryToJson(file.termHistory) },
    server: serverInfoToJson(file.server),
    proposer_uuid: file.proposerUuid,
    timeline_start_lsn: formatLsn(file.timelineStartLsn),
    local_start_lsn: formatLsn(file.localStartLsn),
    commit_lsn: formatLsn(file.commitLsn),
    backup_lsn: formatLsn(file.backupLsn),
    peer_horizon_lsn: formatLsn(file.peerHorizonLsn),
    remote_consistent_lsn: formatLsn(file.remoteConsistentLsn),
    partial_backup: { segments: file.partialBackup.map(partialSegmentToJson) },
    eviction_state: evictionToJson(file.eviction),
    creation_ts: { secs_since_epoch: file.creation.seconds, nanos_since_epoch: file.creation.nanoseconds },
  };
}

function partialSegmentToJson(segment: PartialSegment) {
  return {
    status: segment.status,
    name: segment.name,
    commit_lsn: formatLsn(segment.commitLsn),
    flush_lsn: formatLsn(segment.flushLsn),
    term: segment.term,
  };
}

function evictionToJson(eviction: EvictionState) {
  return eviction.kind === 'Present' ? 'Present' : { Offloaded: formatLsn(eviction.flushLsn) };
}
