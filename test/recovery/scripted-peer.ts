import type { IncomingMessage, ServerResponse } from 'node:http';
import { type HttpStub, startHttpStub } from '../support/http-stub.ts';

export const TENANT = '1'.repeat(32);
export const TIMELINE = '2'.repeat(32);
const SEGMENT_BYTES = 1024 * 1024;

/** What a peer says; a test changes it while it runs. */
export interface PeerScript {
  id: number;
  /** Undefined: it does not have the timeline. */
  replica: ScriptedReplica | undefined;
  /** In place of all answers about the timeline. */
  refusal?: { status: number; message: string };
  /** Names of WAL files on its disk; undefined for those that should be there. */
  files?: string[];
  /** Called before a status is sent. */
  beforeStatus?: () => void;
}

export interface ScriptedReplica {
  term: number;
  lastLogTerm: number;
  /** Hex digits behind `0/`. */
  flushLsn: string;
  compute?: 'Connected' | 'Streaming';
  generation?: number;
  members?: number[];
}

/** An idle replica whose WAL is in segment 1. */
export const REPLICA: ScriptedReplica = { term: 3, lastLogTerm: 3, flushLsn: '100500' };

export interface ScriptedPeer extends HttpStub {
  readonly script: PeerScript;
}

/** A safekeeper that answers what recovery asks about one timeline, and raises its term when it is told to. */
export async function startScriptedPeer(script: PeerScript): Promise<ScriptedPeer> {
  const stub = await startHttpStub((request, response) => answer(script, request, response, () => stub.requests));
  return Object.assign(stub, { script });
}

function answer(
  script: PeerScript,
  request: IncomingMessage,
  response: ServerResponse,
  requests: () => HttpStub['requests'],
): void {
  const send = (status: number, body: unknown) => {
    response.statusCode = status;
    response.end(JSON.stringify(body));
  };
  const path = request.url ?? '';
  const { replica } = script;
  if (path === '/v1/status') return send(200, { id: script.id });
  if (path.startsWith('/v1/debug_dump')) return send(200, dump(script));
  if (script.refusal !== undefined) return send(script.refusal.status, { msg: script.refusal.message });
  if (replica === undefined) return send(404, { msg: `NotFound: timeline ${TENANT}/${TIMELINE} not found` });
  if (path.endsWith('/term_bump')) {
    const { term } = JSON.parse(requests().at(-1)?.body ?? '{}') as { term: number };
    const previous = replica.term;
    replica.term = Math.max(previous, term);
    return send(200, { previous_term: previous, current_term: replica.term });
  }
  if (path.endsWith('/checkpoint')) return send(200, null);
  script.beforeStatus?.();
  return script.replica === undefined
    ? send(404, { msg: `NotFound: timeline ${TENANT}/${TIMELINE} not found` })
    : send(200, status(script.replica));
}

function status(replica: ScriptedReplica) {
  const { generation = 0, members = [], compute } = replica;
  return {
    tenant_id: TENANT,
    timeline_id: TIMELINE,
    mconf: { generation, members: members.map((id) => ({ id, host: `sk-${id}`, pg_port: 5454 })), new_members: null },
    acceptor_state: {
      term: replica.term,
      epoch: replica.lastLogTerm,
      term_history: [{ term: replica.lastLogTerm, lsn: '0/100000' }],
    },
    pg_info: { pg_version: 160_009, system_id: 7, wal_seg_size: SEGMENT_BYTES },
    flush_lsn: `0/${replica.flushLsn}`,
    timeline_start_lsn: '0/100000',
    local_start_lsn: '0/100000',
    commit_lsn: '0/100100',
    backup_lsn: '0/100000',
    peer_horizon_lsn: '0/100000',
    remote_consistent_lsn: '0/100000',
    walreceivers:
      compute === undefined ? [] : [{ conn_id: 1, status: compute === 'Streaming' ? 'Streaming' : 'Voting' }],
  };
}

function dump({ replica, files = ['000000010000000000000001.partial'] }: PeerScript) {
  if (replica === undefined) return { timelines: [] };
  const entry = {
    tenant_id: TENANT,
    timeline_id: TIMELINE,
    control_file: {
      server: { pg_version: 160_009, system_id: 7, wal_seg_size: SEGMENT_BYTES },
      backup_lsn: '0/100000',
      remote_consistent_lsn: '0/100000',
      eviction_state: 'Present',
    },
    memory: { flush_lsn: `0/${replica.flushLsn}` },
    disk_content: { files: files.map((name) => ({ name })) },
  };
  return { timelines: [entry] };
}
