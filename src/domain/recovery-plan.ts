import { blocked, type Plan, type PlanInput } from './plan.ts';
import { makeProposal } from './proposal.ts';
import { hasWitnessBound, isQuorumLost, makeIntent, witnessesOf } from './recovery-intent.ts';
import { type Members, resolveMembers } from './recovery-members.ts';
import { sameAnswerForMs } from './recovery-memory.ts';
import {
  backoff,
  grace,
  inspection,
  noRoom,
  RECHECK_MS,
  refusal,
  unsettledGround,
  waitForWitnesses,
  withoutWal,
} from './recovery-rules.ts';
import { isWitness, judgeReplicas, type Replica, type ReplicaStateKind } from './replica-state.ts';

export interface Planned {
  readonly plan: Plan;
  /** Undefined when it is not known who the members are. */
  readonly members: Members | undefined;
  readonly replicas: readonly Replica[];
}

/** The whole of safety.md for one timeline: the same input always gives the same plan; nothing is read and no time is taken. */
export function planRecovery(input: PlanInput): Planned {
  const resolution = resolveMembers(input.observation, input.sources);
  if (resolution.kind === 'MembersUnknown' || resolution.kind === 'GenerationConflict') {
    return { plan: blocked(resolution.kind, resolution.message), members: undefined, replicas: judgeAll(input) };
  }
  const { members } = resolution;
  const replicas = judgeReplicas(members.all, input.observation, input.recorded, input.evidence);
  if (resolution.kind === 'GenerationsDiffer') {
    return { plan: planPendingMembership(input, members, replicas, resolution.message), members, replicas };
  }
  return { plan: planFor(input, members, replicas), members, replicas };
}

function planFor(input: PlanInput, members: Members, replicas: readonly Replica[]): Plan {
  const inState = (state: ReplicaStateKind) => replicas.filter((replica) => replica.state === state);
  if (replicas.every(isWitness)) return { kind: 'Settled' };
  const [deleted] = inState('Deleted');
  if (deleted !== undefined) {
    return blocked(
      'TimelineDeleted',
      `Safekeeper ${deleted.id} answers that the timeline was deleted: nothing is restored; if the deletion is meant, delete this object, otherwise clear the tombstone there.`,
    );
  }
  if (isQuorumLost(members, replicas)) return planQuorumLost(input, members, replicas);
  if (members.sets.length > 1 && !hasWitnessBound(members, witnessesOf(replicas))) {
    return planPendingMembership(
      input,
      members,
      replicas,
      'A membership change is pending and too few members answer with their own history.',
    );
  }
  // What stands in the way of one must not keep the others from being restored.
  const plans = inState('Lost')
    .filter(({ id }) => input.ownRecipient === undefined || input.ownRecipient === id)
    .map((lost) => planLost(input, members, replicas, lost));
  const act =
    plans.find(({ kind }) => kind === 'Pull') ?? plans.find(({ kind }) => kind === 'Inspect' || kind === 'Propose');
  return act ?? plans[0] ?? planUnusable(replicas) ?? planUnreachable(input, members, replicas);
}

/** One replica is lost and enough others may be there: every rule between here and a pull, in the order people need to hear of them. */
function planLost(input: PlanInput, members: Members, replicas: readonly Replica[], lost: Replica): Plan {
  const obstacle = waitForWitnesses(input, members, replicas, 'ReplicaLost') ?? obstacleTo(input, replicas, lost);
  if (obstacle !== undefined) return obstacle;
  const intent = makeIntent(input, members, replicas, lost.id, false);
  if (intent === undefined) return blocked('QuorumLost', 'No member is left to copy from.');
  const pull = (approvedBy: string | undefined): Plan =>
    unsettledGround(input, witnessesOf(replicas)) ?? { kind: 'Pull', intent, approvedBy };
  if (input.policy.mode === 'Automatic') return pull(undefined);
  const proposal = makeProposal(intent, replicas);
  if (input.decisions.approved === proposal.id) return pull(proposal.id);
  return {
    kind: 'Propose',
    proposal,
    message: `Restore safekeeper ${proposal.recipient} from safekeeper ${proposal.donor}? Approve with the annotation safekeeper.dev/approve: "${proposal.id}".`,
  };
}

/** What binds every pull, a forced one too; what costs the safekeepers something comes last. */
function obstacleTo(input: PlanInput, replicas: readonly Replica[], lost: Replica): Plan | undefined {
  return (
    grace(input, replicas, lost) ??
    refusal(input, lost) ??
    backoff(input) ??
    inspection(input, replicas, lost) ??
    noRoom(input, witnessesOf(replicas), lost) ??
    withoutWal(input, witnessesOf(replicas))
  );
}

/** Rule R5: never by itself. A person may accept the loss; every other rule still binds. */
function planQuorumLost(input: PlanInput, members: Members, replicas: readonly Replica[]): Plan {
  if (replicas.every(({ state }) => state === 'Lost')) {
    return blocked(
      'AllReplicasLost',
      'No member has this timeline any more: restore it from a backup or bring a lost disk back.',
    );
  }
  const lost = replicas.find(
    ({ id, state }) => state === 'Lost' && (input.ownRecipient === undefined || input.ownRecipient === id),
  );
  const intent = lost && makeIntent(input, members, replicas, lost.id, true);
  if (lost === undefined || intent === undefined) {
    return blocked(
      'QuorumLost',
      `Too few members have their own history (${summary(replicas)}): bring a lost disk back, or restore from a backup.`,
    );
  }
  const proposal = makeProposal(intent, replicas);
  if (input.decisions.forced === proposal.id) {
    return (
      obstacleTo(input, replicas, lost) ??
      unsettledGround(input, witnessesOf(replicas)) ?? { kind: 'Pull', intent, approvedBy: proposal.id }
    );
  }
  const loss =
    proposal.walLostBytes > 0n ? `at least ${proposal.walLostBytes} bytes of WAL` : 'an unknown part of the WAL';
  return {
    kind: 'Blocked',
    reason: 'QuorumLost',
    proposal,
    message:
      `Too few members have their own history (${summary(replicas)}), so acknowledged commits may be missing from all of them: bring a lost disk back; ` +
      `or accept the loss of ${loss} with the annotation safekeeper.dev/force-donor: "${proposal.id}".`,
  };
}

/** Replicas that are there but cannot be used, when nothing else is lost: first those that endanger commits (rule R9). */
function planUnusable(replicas: readonly Replica[]): Plan | undefined {
  const first = (state: ReplicaStateKind) => replicas.find((replica) => replica.state === state);
  const hollow = first('Hollow');
  if (hollow !== undefined) {
    return blocked(
      'ReplicaHollow',
      `Safekeeper ${hollow.id}: ${hollow.message}; it votes without its history, which endangers commits: stop it and run restore --replace-hollow, and use membership generations so that computes cannot create timelines.`,
    );
  }
  const corrupt = first('Corrupt');
  if (corrupt !== undefined) {
    return blocked(
      'ReplicaCorrupt',
      `Safekeeper ${corrupt.id}: ${corrupt.message}; nothing overwrites it: inspect that directory, move it away and restart the safekeeper.`,
    );
  }
  const damaged = first('Damaged');
  if (damaged !== undefined) {
    return blocked(
      'ReplicaDamaged',
      `Safekeeper ${damaged.id}: ${damaged.message}; it is no donor and no witness: move the directory away and restart the safekeeper to have it restored.`,
    );
  }
  return undefined;
}

function planUnreachable(input: PlanInput, members: Members, replicas: readonly Replica[]): Plan {
  const waiting = waitForWitnesses(input, members, replicas, 'ReplicaUnreachable');
  if (waiting !== undefined) return waiting;
  const silent = replicas
    .filter(({ state }) => state !== 'Present')
    .map(({ id, message }) => `safekeeper ${id} (${message})`);
  return {
    kind: 'Wait',
    reason: 'WaitingForWitnesses',
    ready: 'ReplicaUnreachable',
    stalled: undefined,
    untilMs: input.nowMs + RECHECK_MS,
    message: `Nothing is known to be lost, but redundancy is unknown without an answer of ${silent.join(' and ')}.`,
  };
}

/** Rule R10: wait for the membership change to arrive, and say so when nothing has moved for too long. */
function planPendingMembership(
  input: PlanInput,
  members: Members,
  replicas: readonly Replica[],
  message: string,
): Plan {
  const unchangedForMs = Math.min(
    ...members.all.map((id) => sameAnswerForMs(input.memory, input.observation, id, input.nowMs)),
  );
  if (unchangedForMs >= input.policy.unknownTimeoutMs) {
    return blocked('GenerationConflict', `${message} Finish or repeat the membership change.`);
  }
  return {
    kind: 'Wait',
    reason: 'WaitingForWitnesses',
    ready: replicas.some(({ state }) => state === 'Lost') ? 'ReplicaLost' : 'ReplicaUnreachable',
    stalled: undefined,
    untilMs: input.nowMs + RECHECK_MS,
    message,
  };
}

function judgeAll(input: PlanInput): Replica[] {
  const ids = [...input.observation.keys()].sort((a, b) => (a < b ? -1 : 1));
  return judgeReplicas(ids, input.observation, input.recorded, input.evidence);
}

function summary(replicas: readonly Replica[]): string {
  return replicas.map(({ id, state }) => `${id} ${state}`).join(', ');
}
