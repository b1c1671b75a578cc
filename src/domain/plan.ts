import type { SafekeeperId } from './ids.ts';
import type { Evidence, Observation, RecordedReplica } from './observation.ts';
import type { Reason } from './reasons.ts';
import type { Proposal, RecoveryIntent } from './recovery-intent.ts';
import type { MemberSources } from './recovery-members.ts';
import type { RecoveryMemory } from './recovery-memory.ts';
import type { RecoveryPolicy } from './recovery-policy.ts';
import type { Term } from './term.ts';

/** A person's word, as annotations carry it: the id of the proposal that is meant. */
export interface Decisions {
  readonly approved: string | undefined;
  readonly forced: string | undefined;
}

/** Attempts of the present loss that failed so far. */
export interface FailedAttempts {
  readonly count: number;
  readonly nextAttemptAtMs: number;
  readonly reason: Reason;
  readonly message: string;
}

export interface PlanInput {
  readonly observation: Observation;
  readonly evidence: Evidence;
  readonly memory: RecoveryMemory;
  readonly recorded: ReadonlyMap<SafekeeperId, RecordedReplica>;
  readonly sources: MemberSources;
  readonly policy: RecoveryPolicy;
  readonly decisions: Decisions;
  readonly failed: FailedAttempts | undefined;
  /**
   * The highest term that any operator has announced to fence with; 0 when none has. A fence that did not get round may
   * have raised a member that is lost by now, and no survivor knows.
   */
  readonly fencedTerm: Term;
  /**
   * Set by who restores its own replica: it alone is planned for. Its data directory is locked, so that it cannot return by
   * itself and needs no time to do so (rule R19); a fence by grace still takes its time (rule R4).
   */
  readonly ownRecipient: SafekeeperId | undefined;
  /** Why the cluster starts no recoveries at all (rule R20), if so. */
  readonly brake: string | undefined;
  /** Monotonic milliseconds, of the same clock as `memory`. */
  readonly nowMs: number;
}

/** Something this program will not or cannot do by itself. */
export type BlockedReason = Extract<
  Reason,
  | 'AllReplicasLost'
  | 'QuorumLost'
  | 'TimelineDeleted'
  | 'ReplicaHollow'
  | 'ReplicaDamaged'
  | 'ReplicaCorrupt'
  | 'GenerationConflict'
  | 'RecipientDiskFull'
  | 'MembersUnknown'
  | 'StormBrake'
  | 'RecoveryDisabled'
>;

export type WaitReason = Extract<Reason, 'GracePeriod' | 'WaitingForWitnesses' | 'RetryBackoff'>;

/** What to do about one timeline now. `message` is one sentence for people: what is wrong, what happens, what to do. */
export type Plan =
  | { readonly kind: 'Settled' }
  | {
      readonly kind: 'Wait';
      readonly reason: WaitReason;
      readonly ready: Extract<Reason, 'ReplicaLost' | 'ReplicaUnreachable'>;
      /** Waiting alone will not help any more; the reason why. */
      readonly stalled:
        | Extract<Reason, 'ReplicaUnreachable' | 'RecoveryKeepsFailing' | 'DonorAtSegmentBoundary'>
        | undefined;
      readonly untilMs: number;
      readonly message: string;
    }
  /** Statuses do not suffice: look at these donors' disks and at the recipient's room, then plan again. */
  | { readonly kind: 'Inspect'; readonly disks: readonly SafekeeperId[]; readonly room: SafekeeperId }
  | { readonly kind: 'Propose'; readonly proposal: Proposal; readonly message: string }
  | { readonly kind: 'Pull'; readonly intent: RecoveryIntent; readonly approvedBy: string | undefined }
  | {
      readonly kind: 'Blocked';
      readonly reason: BlockedReason;
      readonly message: string;
      /** The way out that a person may take with `force-donor` (rule R5). */
      readonly proposal: Proposal | undefined;
    };

/** A wait of a lost replica. */
export function wait(reason: WaitReason, untilMs: number, message: string): Plan {
  return { kind: 'Wait', reason, ready: 'ReplicaLost', stalled: undefined, untilMs, message };
}

export function blocked(reason: BlockedReason, message: string): Plan {
  return { kind: 'Blocked', reason, message, proposal: undefined };
}
