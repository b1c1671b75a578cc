import { stringifyLosslessJson } from '../http/json.ts';
import { formatLsn } from '../domain/lsn.ts';
import { controlFileToJson } from '../safekeeper/control-file-json.ts';
import type { Timeline } from '../transfer/timeline.ts';
import type { AgentContext } from './context.ts';
import { type DebugDumpQuery, parseDebugDumpQuery } from './debug-dump-query.ts';
import { dumpDiskContent, walLastModified } from './disk-content.ts';
import { requireNoBody } from './request-bodies.ts';
import type { Handler } from './request-listener.ts';

/**
 * `GET /v1/debug_dump`: JSON in the recorded shape, though sent as a stream of octets: one chunk a timeline, so that
 * memory does not grow with their number. `finish_time` is therefore written at the end. Parts that were not asked for are null.
 */
export function debugDump(context: AgentContext): Handler {
  return async (call) => {
    requireNoBody(await call.readBody());
    const query = parseDebugDumpQuery(call.query);
    return { kind: 'stream', open: (signal) => streamDump(context, query, signal) };
  };
}

async function* streamDump(
  context: AgentContext,
  query: DebugDumpQuery,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const all = context.timelines.list();
  yield encode(`{"start_time":${stringifyLosslessJson(now(context))},"timelines":[`);
  let separator = '';
  for (const timeline of all.filter((candidate) => isAskedFor(candidate, query))) {
    yield encode(separator + stringifyLosslessJson(await dumpTimeline(context, timeline, query, signal)));
    separator = ',';
  }
  const rest = { timelines_count: all.length, config: dumpConfig(context), finish_time: now(context) };
  yield encode(`],${stringifyLosslessJson(rest).slice(1)}`);
}

function isAskedFor({ id }: Timeline, query: DebugDumpQuery): boolean {
  return (
    (query.tenantId === undefined || query.tenantId === id.tenantId) &&
    (query.timelineId === undefined || query.timelineId === id.timelineId)
  );
}

async function dumpTimeline(context: AgentContext, timeline: Timeline, query: DebugDumpQuery, signal: AbortSignal) {
  const { files } = context;
  return {
    tenant_id: timeline.id.tenantId,
    timeline_id: timeline.id.timelineId,
    control_file: query.controlFile ? dumpControlFile(timeline, query) : null,
    memory: query.memory ? dumpMemory(timeline) : null,
    disk_content: query.diskContent ? { files: await dumpDiskContent(files, timeline.directory, signal) } : null,
    wal_last_modified: query.walLastModified ? ((await walLastModified(files, timeline.directory)) ?? null) : null,
  };
}

function dumpControlFile(timeline: Timeline, query: DebugDumpQuery) {
  const { controlFile } = timeline;
  return controlFileToJson(query.termHistory ? controlFile : { ...controlFile, termHistory: [] });
}

/** An agent takes no WAL, so what a safekeeper has in memory is what the disk says, and there are no connections. */
function dumpMemory(timeline: Timeline) {
  const { controlFile, flushLsn } = timeline;
  const epochStart = controlFile.termHistory.findLast((entry) => entry.lsn <= flushLsn);
  return {
    is_cancelled: timeline.cancelled.aborted,
    peers_info_len: 0,
    walsenders: [],
    wal_backup_active: false,
    active: false,
    num_computes: 0,
    last_removed_segno: 0,
    epoch_start_lsn: epochStart === undefined ? '0/0' : formatLsn(epochStart.lsn),
    mem_state: {
      commit_lsn: formatLsn(controlFile.commitLsn),
      backup_lsn: formatLsn(controlFile.backupLsn),
      peer_horizon_lsn: formatLsn(controlFile.peerHorizonLsn),
      remote_consistent_lsn: formatLsn(controlFile.remoteConsistentLsn),
      proposer_uuid: controlFile.proposerUuid,
    },
    mgr_status: 'Wait',
    write_lsn: formatLsn(flushLsn),
    write_record_lsn: formatLsn(flushLsn),
    flush_lsn: formatLsn(flushLsn),
    file_open: false,
  };
}

function dumpConfig(context: AgentContext) {
  return {
    id: context.safekeeperId,
    workdir: context.dataDirectory,
    listen_pg_addr: '',
    listen_http_addr: context.listenAddress(),
    no_sync: false,
    max_offloader_lag_bytes: 0,
    wal_backup_enabled: false,
  };
}

function now(context: AgentContext): string {
  return new Date(context.clock.wallTimeMs()).toISOString();
}

function encode(text: string): Uint8Array {
  return Buffer.from(text);
}
