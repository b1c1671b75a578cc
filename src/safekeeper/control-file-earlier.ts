import { INVALID_LSN, type Lsn, lsn } from '../domain/lsn.ts';
import { NO_MEMBERSHIP } from '../domain/membership.ts';
import { term } from '../domain/term.ts';
import type { BinaryReader } from './control-file-binary.ts';
import type { ControlFile } from './control-file.ts';
import {
  type AcceptorState,
  type Positions,
  proposerUuid,
  readAcceptorState,
  readLsn,
  readPartialBackup,
  readPositions,
  readProposerUuid,
  readServerInfo,
  readTimelineIds,
  serverInfo,
  skipPeers,
  timelineIds,
} from './control-file-fields.ts';

/**
 * Bodies of the versions before 9, which nothing writes any more: each is read as its difference to a later one. Source of
 * the layouts and of the values of what was not stored yet: the history of Neon's `safekeeper/src/control_file_upgrade.rs`.
 */

/** Where the WAL starts when nobody remembers: no LSN of a record, and not "no WAL" either. */
const UNKNOWN_START_LSN = lsn(1n);
/** When version 6 was current, Postgres 14 was all there was. */
const FIRST_PG_VERSION = 140005;
const ID_BYTES = 16;

/** Version 9 without `eviction_state`: the WAL was always on disk. */
export function readVersion8(reader: BinaryReader): ControlFile {
  return { ...readVersion7(reader), partialBackup: readPartialBackup(reader) };
}

/** Version 8 without `partial_backup`. */
export function readVersion7(reader: BinaryReader): ControlFile {
  const file = {
    ...AS_BEFORE_VERSION_8,
    ...readTimelineIds(reader),
    ...readAcceptorState(reader),
    server: readServerInfo(reader),
    proposerUuid: readProposerUuid(reader),
    ...readPositions(reader),
  };
  skipPeers(reader);
  return file;
}

/** Version 7 with `pg_version` 0 for "not known". */
export function readVersion6(reader: BinaryReader): ControlFile {
  return withPgVersion(readVersion7(reader));
}

/** Version 6 with a `timeline_start_lsn` of 0 in files that had once been version 4. */
export function readVersion5(reader: BinaryReader): ControlFile {
  const file = readVersion6(reader);
  if (file.timelineStartLsn !== INVALID_LSN) return file;
  return { ...file, timelineStartLsn: UNKNOWN_START_LSN, localStartLsn: UNKNOWN_START_LSN };
}

/**
 * Version 5 without start LSNs. What it says of remote storage (`s3_wal_lsn`) and of the pageserver is not taken over:
 * both are told again, and an unknown horizon keeps all WAL.
 */
export function readVersion4(reader: BinaryReader): ControlFile {
  const file = {
    ...AS_BEFORE_VERSION_8,
    ...readTimelineIds(reader),
    ...readAcceptorState(reader),
    server: readServerInfo(reader),
    proposerUuid: readProposerUuid(reader),
  };
  const commitLsn = readLsn(reader, 'commit_lsn');
  readLsn(reader, 's3_wal_lsn');
  const peerHorizonLsn = readLsn(reader, 'peer_horizon_lsn');
  readLsn(reader, 'remote_consistent_lsn');
  skipPeers(reader);
  return withPgVersion({ ...file, ...positionsBeforeVersion5(commitLsn, peerHorizonLsn) });
}

/** The ids inside `server`; `truncate_lsn` is what became `peer_horizon_lsn`. */
export function readVersion3(reader: BinaryReader): ControlFile {
  return readNestedIds(reader, readAcceptorState(reader), (field) => reader.string(field));
}

/** Version 3 with ids of 16 bytes instead of hex digits. */
export function readVersion2(reader: BinaryReader): ControlFile {
  return readNestedIds(reader, readAcceptorState(reader), (field) => reader.hex(ID_BYTES, field));
}

/** Version 2 with the term of the last record (`epoch`) instead of the whole history. */
export function readVersion1(reader: BinaryReader): ControlFile {
  const acceptorState: AcceptorState = {
    term: term(reader.u64('acceptor_state.term')),
    termHistory: [{ term: term(reader.u64('acceptor_state.epoch')), lsn: INVALID_LSN }],
  };
  return readNestedIds(reader, acceptorState, (field) => reader.hex(ID_BYTES, field));
}

const AS_BEFORE_VERSION_8 = {
  membership: NO_MEMBERSHIP,
  partialBackup: [],
  eviction: { kind: 'Present' },
  creation: { seconds: 0n, nanoseconds: 0 },
} as const;

function readNestedIds(
  reader: BinaryReader,
  acceptorState: AcceptorState,
  readId: (field: string) => string,
): ControlFile {
  const pgVersion = reader.u32('server.pg_version');
  const systemId = reader.u64('server.system_id');
  const ids = timelineIds(readId('server.tenant_id'), readId('server.timeline_id'));
  const walSegmentSize = reader.u32('server.wal_seg_size');
  const file = {
    ...AS_BEFORE_VERSION_8,
    ...ids,
    ...acceptorState,
    server: serverInfo({ pgVersion, systemId, walSegmentSize }),
    proposerUuid: proposerUuid(readId('proposer_uuid')),
    ...positionsBeforeVersion5(readLsn(reader, 'commit_lsn'), readLsn(reader, 'truncate_lsn')),
  };
  readLsn(reader, 'wal_start_lsn');
  return withPgVersion(file);
}

function positionsBeforeVersion5(commitLsn: Lsn, peerHorizonLsn: Lsn): Positions {
  return {
    timelineStartLsn: INVALID_LSN,
    localStartLsn: INVALID_LSN,
    commitLsn,
    backupLsn: INVALID_LSN,
    peerHorizonLsn,
    remoteConsistentLsn: INVALID_LSN,
  };
}

function withPgVersion(file: ControlFile): ControlFile {
  return file.server.pgVersion === 0 ? { ...file, server: { ...file.server, pgVersion: FIRST_PG_VERSION } } : file;
}
