import type { SafekeeperId } from './ids.ts';
import type { LogPosition } from './log-position.ts';
import type { Lsn } from './lsn.ts';
import type { Generation, Membership } from './membership.ts';
import type { Term } from './term.ts';

/** What a safekeeper says of its replica. */
export interface ReplicaStatus extends LogPosition {
  readonly membership: Membership;
  /** Every member had this much durable, as far as this one knows. */
  readonly peerHorizonLsn: Lsn;
  /** How the connected computes are being served; several voting or streaming connections may exist for a moment. */
  readonly compute: 'None' | 'Connected' | 'Streaming';
  /** Bytes. */
  readonly walSegmentSize: number;
  /** Where the WAL of a snapshot made now begins; 0 when it would carry none. */
  readonly horizonLsn: Lsn;
  /** Where the timeline's WAL began. */
  readonly timelineStartLsn: Lsn;
  /** Bytes of a snapshot made now: every segment it must contain. */
  readonly snapshotSizeBytes: number;
}

/** One answer about one timeline. Only a well-formed "not found" is a loss; whatever cannot be understood is no answer. */
export type Answer =
  | { readonly kind: 'Status'; readonly status: ReplicaStatus }
  | { readonly kind: 'NotFound' }
  /** Not found over HTTP, but a directory that could not be loaded is on its disk (a pull was refused for it). */
  | { readonly kind: 'NotLoaded' }
  | { readonly kind: 'Deleted' }
  | { readonly kind: 'Unreachable'; readonly problem: string }
  | { readonly kind: 'Unknown'; readonly problem: string };

/** Whether it tells of the replica at all. */
export function hasAnswered(answer: Answer): answer is Exclude<Answer, { readonly problem: string }> {
  return answer.kind !== 'Unreachable' && answer.kind !== 'Unknown';
}

/** One read of one replica, with the monotonic milliseconds between which the safekeeper must have decided its answer. */
export interface Reading {
  readonly id: SafekeeperId;
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly answer: Answer;
}

/** One round of reads, at most one per safekeeper. */
export type Observation = ReadonlyMap<SafekeeperId, Reading>;

/** What our own status recorded of a replica since it was last seen lost. */
export interface RecordedReplica {
  readonly generation: Generation;
  readonly term: Term;
  readonly lastLogTerm: Term;
  readonly flushLsn: Lsn;
}

/** Whether the files that a snapshot must contain are on a safekeeper's disk (rule R13). */
export type DiskEvidence =
  | { readonly kind: 'Complete' }
  /** No segment is named when it is not known any more which. */
  | { readonly kind: 'Missing'; readonly segments: readonly string[] }
  /** This API has no way to ask, or the timeline is offloaded or uninitialized. */
  | { readonly kind: 'NotApplicable' };

/** Space on a recipient's file system in bytes (rule R16). */
export type RoomEvidence = MeasuredRoom | { readonly kind: 'NotOffered' };

export interface MeasuredRoom {
  readonly kind: 'Measured';
  readonly capacityBytes: number;
  readonly usedBytes: number;
}

/** Whether the storage controller still names the timeline on a safekeeper, read after the loss was seen (rule R17). */
export type OwnershipEvidence = 'Named' | 'NotNamed' | 'NoAnswer';

/** What statuses alone do not tell. An absent entry has not been asked for yet. */
export interface Evidence {
  readonly disks: ReadonlyMap<SafekeeperId, DiskEvidence>;
  readonly rooms: ReadonlyMap<SafekeeperId, RoomEvidence>;
  /** Who is not in it has not been asked for: no answer. */
  readonly ownership: ReadonlyMap<SafekeeperId, OwnershipEvidence> | 'NotConfigured';
}

export const NO_EVIDENCE: Evidence = { disks: new Map(), rooms: new Map(), ownership: 'NotConfigured' };
