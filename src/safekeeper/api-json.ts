import { formatLsn, type Lsn } from '../domain/lsn.ts';
import type { Membership } from '../domain/membership.ts';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { PeerInfo, TimelineStatus } from './api.ts';
import type { ServerInfo } from './control-file.ts';
import { membershipToJson, serverInfoToJson, termHistoryToJson } from './shared-json.ts';

/** Bodies as safekeepers send and take them, key order included; to be written with `stringifyLosslessJson`. */

export function timelineStatusToJson(status: TimelineStatus) {
  return {
    tenant_id: status.tenantId,
    timeline_id: status.timelineId,
    mconf: membershipToJson(status.membership),
    acceptor_state: {
      term: status.term,
      epoch: status.lastLogTerm,
      term_history: termHistoryToJson(status.termHistory),
    },
    pg_info: serverInfoToJson(status.server),
    flush_lsn: formatLsn(status.flushLsn),
    timeline_start_lsn: formatLsn(status.timelineStartLsn),
    local_start_lsn: formatLsn(status.localStartLsn),
    commit_lsn: formatLsn(status.commitLsn),
    backup_lsn: formatLsn(status.backupLsn),
    peer_horizon_lsn: formatLsn(status.peerHorizonLsn),
    remote_consistent_lsn: formatLsn(status.remoteConsistentLsn),
    peers: status.peers.map(peerToJson),
    walsenders: status.walsenders,
    walreceivers: status.walreceivers.map(({ connId, status }) => ({ conn_id: connId, status })),
  };
}

function peerToJson(peer: PeerInfo) {
  return {
    sk_id: peer.id,
    term: peer.term,
    last_log_term: peer.lastLogTerm,
    flush_lsn: formatLsn(peer.flushLsn),
    commit_lsn: formatLsn(peer.commitLsn),
    local_start_lsn: formatLsn(peer.localStartLsn),
    pg_connstr: peer.pgConnstr,
    http_connstr: peer.httpConnstr,
    https_connstr: peer.httpsConnstr,
  };
}

/** `POST /v1/tenant/timeline`. */
export interface CreateTimelineRequest {
  readonly timeline: TenantTimelineId;
  readonly membership: Membership;
  readonly server: ServerInfo;
  readonly startLsn: Lsn;
  /** At or after `startLsn`. */
  readonly commitLsn: Lsn;
}

export function createTimelineRequestToJson(request: CreateTimelineRequest) {
  return {
    tenant_id: request.timeline.tenantId,
    timeline_id: request.timeline.timelineId,
    mconf: membershipToJson(request.membership),
    ...serverInfoToJson(request.server),
    start_lsn: formatLsn(request.startLsn),
    commit_lsn: formatLsn(request.commitLsn),
  };
}
