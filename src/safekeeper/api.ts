import { z } from 'zod';
import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import { type Membership, NO_MEMBERSHIP } from '../domain/membership.ts';
import type { Term, TermHistory } from '../domain/term.ts';
import type { ServerInfo } from './control-file.ts';
import {
  countField,
  listField,
  lsnField,
  membershipField,
  parseAnswer,
  safekeeperIdField,
  serverInfoField,
  tenantIdField,
  termField,
  termHistoryField,
  timelineIdField,
  u32Field,
} from './wire.ts';

/**
 * Bodies of the safekeeper's HTTP API, read into domain types. Fields that older safekeepers lack may be absent, fields
 * that are not named here are ignored. Every parse function throws a Failure `UnexpectedAnswer` that names the field.
 */

/** What a safekeeper last heard from another one of the timeline. */
export interface PeerInfo {
  readonly id: SafekeeperId;
  readonly term: Term;
  readonly lastLogTerm: Term;
  readonly flushLsn: Lsn;
  readonly commitLsn: Lsn;
  readonly localStartLsn: Lsn;
  readonly pgConnstr: string;
  readonly httpConnstr: string;
  readonly httpsConnstr: string | null;
}

/** A connection that brings WAL: a compute, or with `connId` null the safekeeper's own recovery from a peer. */
export interface WalReceiver {
  readonly connId: number | null;
  /** `Voting` or `Streaming`. */
  readonly status: string;
}

/** `GET /v1/tenant/T/timeline/L`. */
export interface TimelineStatus extends TenantTimelineId {
  readonly membership: Membership;
  readonly term: Term;
  /** The API's `epoch`. */
  readonly lastLogTerm: Term;
  readonly termHistory: TermHistory;
  readonly server: ServerInfo;
  readonly flushLsn: Lsn;
  readonly timelineStartLsn: Lsn;
  readonly localStartLsn: Lsn;
  readonly commitLsn: Lsn;
  readonly backupLsn: Lsn;
  readonly peerHorizonLsn: Lsn;
  readonly remoteConsistentLsn: Lsn;
  readonly peers: readonly PeerInfo[];
  /** As sent: nothing is decided on them. */
  readonly walsenders: readonly unknown[];
  readonly walreceivers: readonly WalReceiver[];
}

const peerSchema = z
  .object({
    sk_id: safekeeperIdField,
    term: termField,
    last_log_term: termField,
    flush_lsn: lsnField,
    commit_lsn: lsnField,
    local_start_lsn: lsnField,
    pg_connstr: z.string(),
    http_connstr: z.string(),
    https_connstr: z.string().nullish(),
  })
  .transform(
    (peer): PeerInfo => ({
      id: peer.sk_id,
      term: peer.term,
      lastLogTerm: peer.last_log_term,
      flushLsn: peer.flush_lsn,
      commitLsn: peer.commit_lsn,
      localStartLsn: peer.local_start_lsn,
      pgConnstr: peer.pg_connstr,
      httpConnstr: peer.http_connstr,
      httpsConnstr: peer.https_connstr ?? null,
    }),
  );

const walReceiverSchema = z
  .object({ conn_id: u32Field.nullish(), status: z.string() })
  .transform((receiver): WalReceiver => ({ connId: receiver.conn_id ?? null, status: receiver.status }));

const timelineStatusSchema = z
  .object({
    tenant_id: tenantIdField,
    timeline_id: timelineIdField,
    mconf: membershipField.nullish(),
    acceptor_state: z.object({ term: termField, epoch: termField, term_history: termHistoryField }),
    pg_info: serverInfoField,
    flush_lsn: lsnField,
    timeline_start_lsn: lsnField,
    local_start_lsn: lsnField,
    commit_lsn: lsnField,
    backup_lsn: lsnField,
    peer_horizon_lsn: lsnField,
    remote_consistent_lsn: lsnField,
    peers: listField(peerSchema).default([]),
    walsenders: z.array(z.unknown()).default([]),
    walreceivers: listField(walReceiverSchema).default([]),
  })
  .transform(
    (status): TimelineStatus => ({
      tenantId: status.tenant_id,
      timelineId: status.timeline_id,
      membership: status.mconf ?? NO_MEMBERSHIP,
      term: status.acceptor_state.term,
      lastLogTerm: status.acceptor_state.epoch,
      termHistory: status.acceptor_state.term_history,
      server: status.pg_info,
      flushLsn: status.flush_lsn,
      timelineStartLsn: status.timeline_start_lsn,
      localStartLsn: status.local_start_lsn,
      commitLsn: status.commit_lsn,
      backupLsn: status.backup_lsn,
      peerHorizonLsn: status.peer_horizon_lsn,
      remoteConsistentLsn: status.remote_consistent_lsn,
      peers: status.peers,
      walsenders: status.walsenders,
      walreceivers: status.walreceivers,
    }),
  );

export function parseTimelineStatus(text: string): TimelineStatus {
  return parseAnswer(timelineStatusSchema, 'timeline status', text);
}

/** `GET /v1/status`. */
export interface NodeStatus {
  readonly id: SafekeeperId;
}

export function parseNodeStatus(text: string): NodeStatus {
  return parseAnswer(z.object({ id: safekeeperIdField }), 'node status', text);
}

/** `POST …/term_bump`. */
export interface TermBump {
  readonly previousTerm: Term;
  readonly currentTerm: Term;
}

const termBumpSchema = z
  .object({ previous_term: termField, current_term: termField })
  .transform((bump): TermBump => ({ previousTerm: bump.previous_term, currentTerm: bump.current_term }));

export function parseTermBump(text: string): TermBump {
  return parseAnswer(termBumpSchema, 'term bump', text);
}

/** `GET /v1/debug/filesystem_usage`: the file system of the data directory, in bytes. */
export interface FilesystemUsage {
  readonly capacityBytes: number;
  readonly dataDirectory: string;
  readonly usageBytes: number;
}

const filesystemUsageSchema = z
  .object({ capacity_bytes: countField, data_dir: z.string(), usage_bytes: countField })
  .transform(
    (usage): FilesystemUsage => ({
      capacityBytes: usage.capacity_bytes,
      dataDirectory: usage.data_dir,
      usageBytes: usage.usage_bytes,
    }),
  );

export function parseFilesystemUsage(text: string): FilesystemUsage {
  return parseAnswer(filesystemUsageSchema, 'filesystem usage', text);
}

/** `GET /v1/utilization`. */
export interface Utilization {
  readonly timelineCount: number;
}

const utilizationSchema = z
  .object({ timeline_count: countField })
  .transform((utilization): Utilization => ({ timelineCount: utilization.timeline_count }));

export function parseUtilization(text: string): Utilization {
  return parseAnswer(utilizationSchema, 'utilization', text);
}

const errorSchema = z.object({ msg: z.string() });

/** The `msg` of an error answer; undefined for a body that is none, such as that of a proxy. */
export function parseErrorMessage(text: string): string | undefined {
  try {
    return parseAnswer(errorSchema, 'error', text).msg;
  } catch {
    return undefined;
  }
}
