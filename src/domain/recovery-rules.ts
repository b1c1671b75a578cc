import { INVALID_LSN } from './lsn.ts';
import type { MeasuredRoom } from './observation.ts';
import { blocked, type Plan, type PlanInput, wait } from './plan.ts';
import { chooseDonor, chooseFencing, hasWitnessBound, witnessesOf } from './recovery-intent.ts';
import type { Members } from './recovery-members.ts';
import { GRACE_PERIOD_MIN_MS, groundHeld, ROUND_DISTANCE_MS, sameAnswerForMs } from './recovery-memory.ts';
import { ATTEMPTS_BEFORE_STALLED } from './recovery-policy.ts';
import { isWitness, type Replica, type Witness } from './replica-state.ts';

// The rules between "a replica is lost" and "pull it": each says what stands in the way, or nothing.

/** How soon to look again when only an answer is missing. */
export const RECHECK_MS = 5_000;

const DISK_RESERVE_FRACTION = 0.1;

/** Rule R1, and the stricter default: every member that is not lost is waited for, up to `unknownTimeout`. */
export function waitForWitnesses(
  input: PlanInput,
  members: Members,
  replicas: readonly Replica[],
  ready: 'ReplicaLost' | 'ReplicaUnreachable',
): Plan | undefined {
  const silent = replicas.filter(({ state }) => state === 'Unreachable' || state === 'Unknown');
  const bound = hasWitnessBound(members, witnessesOf(replicas));
  const timedOut = silent.every(
    ({ id }) => sameAnswerForMs(input.memory, input.observation, id, input.nowMs) >= input.policy.unknownTimeoutMs,
  );
  if (bound && (timedOut || input.policy.witnesses === 'Quorum')) return undefined;
  const who = silent
    .map(({ id, state, message }) => {
      const does = state === 'Unreachable' ? 'does not answer' : 'gives no answer that can be used';
      return `safekeeper ${id} ${does} (${message})`;
    })
    .join('; ');
  return {
    kind: 'Wait',
    reason: 'WaitingForWitnesses',
    ready,
    stalled: timedOut ? 'ReplicaUnreachable' : undefined,
    untilMs: input.nowMs + RECHECK_MS,
    message: timedOut
      ? `Too few members answer to restore anything safely: ${who}; bring them back.`
      : `Waiting for every member: ${who}.`,
  };
}

/**
 * Rule R19, and of rule R4 the fence by grace: lost for the whole grace period without interruption. By grace that binds
 * everybody who is no witness: a leader may still count what any of them had acknowledged, and a witness that had it may
 * just have lost it, too (docs/decisions/0004-the-model-check.md).
 */
export function grace(input: PlanInput, replicas: readonly Replica[], lost: Replica): Plan | undefined {
  const { policy, memory, observation, nowMs } = input;
  const fencing = chooseFencing(policy, witnessesOf(replicas));
  if (input.ownRecipient === lost.id && fencing === 'ByTerms') return undefined;
  const awayMs = ({ id }: Replica) => sameAnswerForMs(memory, observation, id, nowMs);
  const others = fencing === 'ByTerms' ? [] : replicas.filter((each) => each.id !== lost.id && !isWitness(each));
  const last = others.reduce((latest, each) => (awayMs(each) < awayMs(latest) ? each : latest), lost);
  const remainingMs = Math.max(policy.gracePeriodMs, GRACE_PERIOD_MIN_MS) - awayMs(last);
  if (remainingMs <= 0) return undefined;
  const whose = last === lost ? 'the grace period' : `the grace period of safekeeper ${last.id}, which is away too,`;
  return wait(
    'GracePeriod',
    nowMs + remainingMs,
    `Safekeeper ${lost.id} lost its replica; it is restored when ${whose} ends, unless it returns.`,
  );
}

/** What a person, the storage controller (rule R17) or the whole cluster's state (rule R20) forbids. */
export function refusal(input: PlanInput, lost: Replica): Plan | undefined {
  if (input.policy.mode === 'Disabled') {
    return blocked(
      'RecoveryDisabled',
      `Safekeeper ${lost.id} lost its replica, but spec.recovery.mode is Disabled: restore it by hand or change the mode.`,
    );
  }
  const { ownership } = input.evidence;
  const owned = ownership === 'NotConfigured' ? 'Named' : (ownership.get(lost.id) ?? 'NoAnswer');
  if (owned === 'NotNamed') {
    return blocked(
      'TimelineDeleted',
      `The storage controller does not name this timeline on safekeeper ${lost.id}: it may be half deleted, so it is not restored; if the deletion is meant, delete this object, otherwise correct the storage controller.`,
    );
  }
  if (owned === 'NoAnswer') {
    return wait(
      'WaitingForWitnesses',
      input.nowMs + RECHECK_MS,
      'Waiting for the storage controller to say whether the timeline still belongs there.',
    );
  }
  return input.brake === undefined ? undefined : blocked('StormBrake', input.brake);
}

/** Rules R13 and R16 need more than statuses: of the donor, of witnesses that claim to have committed all, of the recipient. */
export function inspection(input: PlanInput, replicas: readonly Replica[], lost: Replica): Plan | undefined {
  const witnesses = witnessesOf(replicas);
  const donor = chooseDonor(witnesses);
  const suspects = witnesses.filter(({ id, status }) => id === donor?.id || status.flushLsn === status.commitLsn);
  const disks = suspects.map(({ id }) => id).filter((id) => !input.evidence.disks.has(id));
  return disks.length > 0 || !input.evidence.rooms.has(lost.id) ? { kind: 'Inspect', disks, room: lost.id } : undefined;
}

/** Rule R16: a pull that fills the disk stops the healthy timelines there. */
export function noRoom(input: PlanInput, witnesses: readonly Witness[], lost: Replica): Plan | undefined {
  const room = input.evidence.rooms.get(lost.id);
  const donor = chooseDonor(witnesses);
  if (room?.kind !== 'Measured' || donor === undefined) return undefined;
  const { free, needed } = roomFor(room, donor.status.snapshotSizeBytes);
  if (free >= needed) return undefined;
  return blocked(
    'RecipientDiskFull',
    `Safekeeper ${lost.id} has ${toMiB(free)} MiB free; restoring here needs ${toMiB(needed)} MiB including a reserve of 10 %: free or add disk space.`,
  );
}

/** Bytes that there are, and that a snapshot of this size needs. */
export function roomFor({ capacityBytes, usedBytes }: MeasuredRoom, sizeBytes: number) {
  return { free: capacityBytes - usedBytes, needed: sizeBytes + capacityBytes * DISK_RESERVE_FRACTION };
}

/**
 * A member without a horizon sends its control file alone, whatever WAL it has, and a safekeeper takes that for a whole
 * replica: it would claim WAL that nobody can read from it (rule R13).
 */
export function withoutWal(input: PlanInput, witnesses: readonly Witness[]): Plan | undefined {
  const donor = chooseDonor(witnesses);
  if (donor === undefined) return undefined;
  const { horizonLsn, flushLsn, timelineStartLsn } = donor.status;
  if (horizonLsn !== INVALID_LSN || flushLsn <= timelineStartLsn) return undefined;
  return wait(
    'WaitingForWitnesses',
    input.nowMs + RECHECK_MS,
    `Safekeeper ${donor.id} would send its replica without WAL while its remote_consistent_lsn or backup_lsn is 0; waiting until a pageserver and remote storage have reported a position.`,
  );
}

/** After a failed attempt the next one waits. */
export function backoff({ failed, nowMs }: PlanInput): Plan | undefined {
  if (failed === undefined || failed.nextAttemptAtMs <= nowMs) return undefined;
  const message = `Attempt ${failed.count} failed: ${failed.message}`;
  const stalled =
    failed.reason === 'DonorAtSegmentBoundary'
      ? 'DonorAtSegmentBoundary'
      : failed.count >= ATTEMPTS_BEFORE_STALLED
        ? 'RecoveryKeepsFailing'
        : undefined;
  return {
    kind: 'Wait',
    reason: 'RetryBackoff',
    ready: 'ReplicaLost',
    stalled,
    untilMs: failed.nextAttemptAtMs,
    message,
  };
}

/** Rule R4 by grace: two rounds of reads, no witness behind where it was, and the donor streaming if anyone is. */
export function unsettledGround(input: PlanInput, witnesses: readonly Witness[]): Plan | undefined {
  if (chooseFencing(input.policy, witnesses) === 'ByTerms') return undefined;
  const positions = new Map(witnesses.map(({ id, status }) => [id, status]));
  const ground = groundHeld(input.memory, positions, input.nowMs);
  if (ground !== 'Held') {
    return wait(
      'GracePeriod',
      input.nowMs + ROUND_DISTANCE_MS,
      'Reading the members once more before a replica is restored.',
    );
  }
  const streaming = witnesses.some(({ status }) => status.compute === 'Streaming');
  if (streaming && chooseDonor(witnesses)?.status.compute !== 'Streaming') {
    return wait(
      'GracePeriod',
      input.nowMs + ROUND_DISTANCE_MS,
      'Waiting until the compute streams to the most advanced member.',
    );
  }
  return undefined;
}

function toMiB(sizeBytes: number): number {
  return Math.round(sizeBytes / (1024 * 1024));
}
