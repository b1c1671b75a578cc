import type { TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { Membership } from '../domain/membership.ts';
import type { Term, TermHistory } from '../domain/term.ts';

/** What a safekeeper knows of the Postgres cluster whose WAL it keeps. */
export interface ServerInfo {
  /** `server_version_num`, for example 150020. */
  readonly pgVersion: number;
  /** Unsigned 64 bit. */
  readonly systemId: bigint;
  /** Bytes: a power of two from 1 MiB to 1 GiB. */
  readonly walSegmentSize: number;
}

/** A partial segment in remote storage. */
export interface PartialSegment {
  readonly status: 'InProgress' | 'Uploaded' | 'Deleting';
  readonly name: string;
  readonly commitLsn: Lsn;
  readonly flushLsn: Lsn;
  readonly term: Term;
}

/** Whether the WAL is on local disk, or only in remote storage since it ended at `flushLsn`. */
export type EvictionState = { readonly kind: 'Present' } | { readonly kind: 'Offloaded'; readonly flushLsn: Lsn };

/** The persistent state of one timeline on one safekeeper: the content of `safekeeper.control`. */
export interface ControlFile extends TenantTimelineId {
  readonly membership: Membership;
  readonly term: Term;
  readonly termHistory: TermHistory;
  readonly server: ServerInfo;
  /** 32 hex digits. */
  readonly proposerUuid: string;
  readonly timelineStartLsn: Lsn;
  readonly localStartLsn: Lsn;
  readonly commitLsn: Lsn;
  readonly backupLsn: Lsn;
  readonly peerHorizonLsn: Lsn;
  readonly remoteConsistentLsn: Lsn;
  readonly partialBackup: readonly PartialSegment[];
  readonly eviction: EvictionState;
  /** Time since the epoch. */
  readonly creation: { readonly seconds: bigint; readonly nanoseconds: number };
}
