import { parseTenantId, parseTimelineId, type SafekeeperId, type TenantId, type TimelineId } from '../domain/ids.ts';
import { type Lsn, lsn } from '../domain/lsn.ts';
import { generation, type Member, type Membership } from '../domain/membership.ts';
import { term, type TermLsn } from '../domain/term.ts';
import { type BinaryReader, type BinaryWriter, invalid } from './control-file-binary.ts';
import type { ControlFile, EvictionState, PartialSegment, ServerInfo } from './control-file.ts';
import { isWalSegmentSize } from './wal-segment.ts';

/** The groups of fields that more than one version of the control file shares, each as a reader and its writer. */

const PARTIAL_STATUSES = ['InProgress', 'Uploaded', 'Deleting'] as const;
const EVICTION_KINDS = ['Present', 'Offloaded'] as const;
const PEER_BYTES = 40;
const HEX_32 = /^[0-9a-f]{32}$/;

export type TimelineIds = Pick<ControlFile, 'tenantId' | 'timelineId'>;
export type AcceptorState = Pick<ControlFile, 'term' | 'termHistory'>;
export type Positions = Pick<
  ControlFile,
  'timelineStartLsn' | 'localStartLsn' | 'commitLsn' | 'backupLsn' | 'peerHorizonLsn' | 'remoteConsistentLsn'
>;

export function readTimelineIds(reader: BinaryReader): TimelineIds {
  return timelineIds(reader.string('tenant_id'), reader.string('timeline_id'));
}

export function timelineIds(tenant: string, timeline: string): TimelineIds {
  const tenantId = parseTenantId(tenant);
  const timelineId = parseTimelineId(timeline);
  if (tenantId === undefined) throw invalid('tenant_id is not 32 hex digits');
  if (timelineId === undefined) throw invalid('timeline_id is not 32 hex digits');
  return { tenantId, timelineId };
}

export function writeTimelineIds(writer: BinaryWriter, ids: { tenantId: TenantId; timelineId: TimelineId }): void {
  writer.string(ids.tenantId);
  writer.string(ids.timelineId);
}

export function readMembership(reader: BinaryReader): Membership {
  const readMembers = (field: string) => reader.list(field, 18, (itemField) => readMember(reader, itemField));
  return {
    generation: generation(reader.u32('mconf.generation')),
    members: readMembers('mconf.members'),
    newMembers: reader.option('mconf.new_members', () => readMembers('mconf.new_members')),
  };
}

export function writeMembership(writer: BinaryWriter, membership: Membership): void {
  const writeMembers = (members: readonly Member[]) => writer.list(members, (member) => writeMember(writer, member));
  writer.u32(membership.generation);
  writeMembers(membership.members);
  writer.option(membership.newMembers, writeMembers);
}

function readMember(reader: BinaryReader, field: string): Member {
  return {
    id: reader.u64(`${field}.id`) as SafekeeperId,
    host: reader.string(`${field}.host`),
    pgPort: reader.u16(`${field}.pg_port`),
  };
}

function writeMember(writer: BinaryWriter, member: Member): void {
  writer.u64(member.id);
  writer.string(member.host);
  writer.u16(member.pgPort);
}

export function readAcceptorState(reader: BinaryReader): AcceptorState {
  return {
    term: term(reader.u64('acceptor_state.term')),
    termHistory: reader.list(
      'acceptor_state.term_history',
      16,
      (field): TermLsn => ({
        term: term(reader.u64(`${field}.term`)),
        lsn: lsn(reader.u64(`${field}.lsn`)),
      }),
    ),
  };
}

export function writeAcceptorState(writer: BinaryWriter, state: AcceptorState): void {
  writer.u64(state.term);
  writer.list(state.termHistory, (entry) => {
    writer.u64(entry.term);
    writer.u64(entry.lsn);
  });
}

export function readServerInfo(reader: BinaryReader): ServerInfo {
  return serverInfo({
    pgVersion: reader.u32('server.pg_version'),
    systemId: reader.u64('server.system_id'),
    walSegmentSize: reader.u32('server.wal_seg_size'),
  });
}

/** Refuses a segment size that no WAL can have. */
export function serverInfo(server: ServerInfo): ServerInfo {
  if (!isWalSegmentSize(server.walSegmentSize))
    throw invalid(`server.wal_seg_size is ${server.walSegmentSize}, not a power of two from 1 MiB to 1 GiB`);
  return server;
}

export function writeServerInfo(writer: BinaryWriter, server: ServerInfo): void {
  writer.u32(server.pgVersion);
  writer.u64(server.systemId);
  writer.u32(server.walSegmentSize);
}

export function readProposerUuid(reader: BinaryReader): string {
  return proposerUuid(reader.string('proposer_uuid'));
}

export function proposerUuid(text: string): string {
  const uuid = text.toLowerCase();
  if (!HEX_32.test(uuid)) throw invalid('proposer_uuid is not 32 hex digits');
  return uuid;
}

export function readPositions(reader: BinaryReader): Positions {
  return {
    timelineStartLsn: readLsn(reader, 'timeline_start_lsn'),
    localStartLsn: readLsn(reader, 'local_start_lsn'),
    commitLsn: readLsn(reader, 'commit_lsn'),
    backupLsn: readLsn(reader, 'backup_lsn'),
    peerHorizonLsn: readLsn(reader, 'peer_horizon_lsn'),
    remoteConsistentLsn: readLsn(reader, 'remote_consistent_lsn'),
  };
}

export function writePositions(writer: BinaryWriter, positions: Positions): void {
  writer.u64(positions.timelineStartLsn);
  writer.u64(positions.localStartLsn);
  writer.u64(positions.commitLsn);
  writer.u64(positions.backupLsn);
  writer.u64(positions.peerHorizonLsn);
  writer.u64(positions.remoteConsistentLsn);
}

export function readPartialBackup(reader: BinaryReader): PartialSegment[] {
  return reader.list('partial_backup', 36, (field) => ({
    status: reader.variant(`${field}.status`, PARTIAL_STATUSES),
    name: reader.string(`${field}.name`),
    commitLsn: readLsn(reader, `${field}.commit_lsn`),
    flushLsn: readLsn(reader, `${field}.flush_lsn`),
    term: term(reader.u64(`${field}.term`)),
  }));
}

export function writePartialBackup(writer: BinaryWriter, segments: readonly PartialSegment[]): void {
  writer.list(segments, (segment) => {
    writer.variant(segment.status, PARTIAL_STATUSES);
    writer.string(segment.name);
    writer.u64(segment.commitLsn);
    writer.u64(segment.flushLsn);
    writer.u64(segment.term);
  });
}

export function readEviction(reader: BinaryReader): EvictionState {
  const kind = reader.variant('eviction_state', EVICTION_KINDS);
  return kind === 'Present' ? { kind } : { kind, flushLsn: readLsn(reader, 'eviction_state.flush_lsn') };
}

export function writeEviction(writer: BinaryWriter, eviction: EvictionState): void {
  writer.variant(eviction.kind, EVICTION_KINDS);
  if (eviction.kind === 'Offloaded') writer.u64(eviction.flushLsn);
}

/** Remembered peers were provided for and never used: safekeepers read such a list, drop it and write an empty one. */
export function skipPeers(reader: BinaryReader): void {
  reader.list('peers', PEER_BYTES, (field) => {
    for (const name of ['id', 'backup_lsn', 'term', 'flush_lsn', 'commit_lsn']) reader.u64(`${field}.${name}`);
  });
}

export function readLsn(reader: BinaryReader, field: string): Lsn {
  return lsn(reader.u64(field));
}
