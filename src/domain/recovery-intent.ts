import type { SafekeeperId } from './ids.ts';
import { type LogEnd, mostAdvanced } from './log-position.ts';
import { INVALID_LSN, type Lsn, maxLsn } from './lsn.ts';
import { type Generation, type Membership, witnessBound } from './membership.ts';
import type { Members } from './recovery-members.ts';
import type { RecoveryPolicy } from './recovery-policy.ts';
import { isWitness, type Replica, type Witness } from './replica-state.ts';
import { INITIAL_TERM, maxTerm, type Term, termAbove } from './term.ts';

/** How far above every known term a fence by terms goes: no campaign under way can be higher (rule R4). */
const FENCE_TERM_DISTANCE = 1024n;

/** How the lost incarnation's votes and acknowledgements are made harmless (rule R4). */
export type Fencing = 'ByTerms' | 'ByGrace';

/** One pull as it was planned. It is only carried out after `confirmIntent` said so. */
export interface RecoveryIntent {
  readonly recipient: SafekeeperId;
  readonly donor: SafekeeperId;
  readonly members: Members;
  readonly fencing: Fencing;
  /** The term that the replica must at least come back with (rule R3). */
  readonly floor: Term;
  /** Who has to stay a witness until the pull. */
  readonly witnesses: readonly SafekeeperId[];
  /** Where the donor's log stood: the least that the copy must hold. */
  readonly planned: LogEnd;
  readonly snapshotSizeBytes: number;
  /** A person accepted the loss of WAL (rule R5). */
  readonly forced: boolean;
}

/** What a person may approve, bound to everything but the moving LSNs. */
export interface Proposal {
  /** 12 hex digits. */
  readonly id: string;
  readonly recipient: SafekeeperId;
  readonly donor: SafekeeperId;
  readonly generation: Generation;
  readonly members: readonly SafekeeperId[];
  readonly forced: boolean;
  /** WAL known to be committed that the donor lacks; only of a forced proposal. */
  readonly walLostBytes: bigint;
}

/** Rule R1, in every set of a joint configuration. */
export function hasWitnessBound(members: Members, witnesses: readonly Replica[]): boolean {
  return members.sets.every((set) => countIn(set, witnesses) >= witnessBound(set.length));
}

/**
 * Rule R5: no answer that is still missing could make the bound hold. A lost majority is the plainest case: it leaves
 * n - q, one too few. The first set decides: of a pending change nothing can be lost that the members of before do
 * not have (rule R10).
 */
export function isQuorumLost(members: Members, replicas: readonly Replica[]): boolean {
  const possible = replicas.filter(
    ({ state }) => state === 'Present' || state === 'Unreachable' || state === 'Unknown',
  );
  const [current = []] = members.sets;
  return countIn(current, possible) < witnessBound(current.length);
}

/** Tmax of rule R3: the highest term of every member that answered with a status, witness or not. */
export function highestTerm(replicas: readonly Replica[]): Term {
  return replicas.reduce<Term>((highest, { status }) => maxTerm(highest, status?.term ?? INITIAL_TERM), INITIAL_TERM);
}

/** The floor F of rules R3 and R4. */
export function termFloor(replicas: readonly Replica[], fencing: Fencing, fencedTerm: Term): Term {
  const highest = highestTerm(replicas);
  return fencing === 'ByTerms' ? termAbove(maxTerm(highest, fencedTerm), FENCE_TERM_DISTANCE) : highest;
}

export function witnessesOf(replicas: readonly Replica[]): Witness[] {
  return replicas.filter(isWitness);
}

/** The furthest commit position that anybody reported. */
export function highestCommitLsn(replicas: readonly Replica[]): Lsn {
  return replicas.reduce<Lsn>((highest, { status }) => maxLsn(highest, status?.commitLsn ?? INVALID_LSN), INVALID_LSN);
}

/** The configuration to send with the pull; nothing when the timeline has none (rule R10). */
export function membershipToSend(intent: RecoveryIntent): Membership | undefined {
  return intent.members.membership.generation === 0 ? undefined : intent.members.membership;
}

/** Rule R2 over the witnesses. */
export function chooseDonor(witnesses: readonly Witness[]): Witness | undefined {
  const best = mostAdvanced(witnesses.map(({ id, status }) => ({ ...status, id })));
  return witnesses.find(({ id }) => id === best?.id);
}

/** Rule R4: by terms where it costs nothing or is asked for, by grace otherwise. */
export function chooseFencing(policy: RecoveryPolicy, witnesses: readonly Witness[]): Fencing {
  const idle = witnesses.every(({ status }) => status.compute === 'None');
  return policy.fencing === 'Always' || (policy.fencing === 'WhenIdle' && idle) ? 'ByTerms' : 'ByGrace';
}

/** Undefined when there is no witness to copy from. */
export function makeIntent(
  { policy, fencedTerm }: { readonly policy: RecoveryPolicy; readonly fencedTerm: Term },
  members: Members,
  replicas: readonly Replica[],
  recipient: SafekeeperId,
  forced: boolean,
): RecoveryIntent | undefined {
  const witnesses = witnessesOf(replicas);
  const donor = chooseDonor(witnesses);
  if (donor === undefined) return undefined;
  const fencing = chooseFencing(policy, witnesses);
  return {
    recipient,
    donor: donor.id,
    members,
    fencing,
    floor: termFloor(replicas, fencing, fencedTerm),
    witnesses: witnesses.map(({ id }) => id),
    planned: { lastLogTerm: donor.status.lastLogTerm, flushLsn: donor.status.flushLsn },
    snapshotSizeBytes: donor.status.snapshotSizeBytes,
    forced,
  };
}

function countIn(set: readonly SafekeeperId[], replicas: readonly Replica[]): number {
  return replicas.filter(({ id }) => set.includes(id)).length;
}
