import type { SafekeeperId } from './ids.ts';
import { compareLogEnds, type LogEnd } from './log-position.ts';
import { formatLsn } from './lsn.ts';
import type { Evidence, Observation, ReplicaStatus, RecordedReplica } from './observation.ts';
import { chooseDonor, hasWitnessBound, highestTerm, type RecoveryIntent, witnessesOf } from './recovery-intent.ts';
import { type MemberSources, resolveMembers } from './recovery-members.ts';
import { judgeReplicas, type Witness } from './replica-state.ts';
import type { Term } from './term.ts';

/** What rule R11 reads again immediately before acting: the recipient first, then every other member. */
export interface Recheck {
  readonly reads: Observation;
  readonly evidence: Pick<Evidence, 'disks'>;
  readonly recorded: ReadonlyMap<SafekeeperId, RecordedReplica>;
  readonly sources: MemberSources;
}

export type Confirmation =
  | {
      readonly kind: 'Confirmed';
      readonly donor: Witness;
      /** Raise the donor to this term before the pull when it is lower. */
      readonly floor: Term;
      /** The least that the copy must hold. */
      readonly expected: LogEnd;
    }
  | { readonly kind: 'Discarded'; readonly message: string };

/** Whether a plan still stands after everything was read again (rules R4, R11). */
export function confirmIntent(intent: RecoveryIntent, recheck: Recheck): Confirmation {
  const { reads } = recheck;
  const target = reads.get(intent.recipient);
  if (target?.answer.kind !== 'NotFound')
    return discarded(`safekeeper ${intent.recipient} no longer answers "not found"`);
  const early = [...reads.values()].find(
    ({ id, startedMs }) => id !== intent.recipient && startedMs < target.finishedMs,
  );
  if (early !== undefined) return discarded(`safekeeper ${early.id} was read before the recipient`);

  const resolution = resolveMembers(reads, recheck.sources);
  if (resolution.kind !== 'Members') return discarded(resolution.message);
  if (!sameMembers(resolution.members.sets, intent.members.sets)) return discarded('the members changed');
  if (resolution.members.membership.generation !== intent.members.membership.generation) {
    return discarded('the membership generation changed');
  }

  const replicas = judgeReplicas(resolution.members.all, reads, recheck.recorded, recheck.evidence);
  if (replicas.some(({ state }) => state === 'Deleted'))
    return discarded('a member says that the timeline was deleted');
  const witnesses = witnessesOf(replicas);
  const gone = intent.witnesses.find((id) => !witnesses.some((witness) => witness.id === id));
  if (gone !== undefined) return discarded(`safekeeper ${gone} is no witness any more`);
  if (!intent.forced && !hasWitnessBound(intent.members, witnesses)) return discarded('too few witnesses are left');

  const donor = intent.fencing === 'ByTerms' ? fencedDonor(intent, witnesses) : gracedDonor(intent, witnesses);
  if (typeof donor === 'string') return discarded(donor);
  const floor = highestTerm(replicas);
  if (floor < intent.floor) return discarded(`no member reports term ${intent.floor} any more`);
  const { lastLogTerm, flushLsn } = donor.status;
  return { kind: 'Confirmed', donor, floor, expected: { lastLogTerm, flushLsn } };
}

/** By terms: enough witnesses were raised, so their logs as read now cannot grow by the lost member's acknowledgements. */
function fencedDonor(intent: RecoveryIntent, witnesses: readonly Witness[]): Witness | string {
  const raised = witnesses.filter(({ status }) => status.term >= intent.floor);
  const enough = intent.forced ? raised.length === witnesses.length : hasWitnessBound(intent.members, raised);
  if (!enough) return `too few witnesses reached term ${intent.floor}`;
  const donor = chooseDonor(witnesses);
  return donor !== undefined && raised.includes(donor) ? donor : 'the most advanced witness was not raised';
}

/**
 * By grace: somebody still has at least the WAL that was planned, in the same or a later term. The most advanced of now
 * is copied, whoever it was when planned: a replica that came and went in between, unseen, may have changed who holds
 * what is committed. A lawful truncation in between discards the plan: the next one starts from it.
 */
function gracedDonor({ planned }: RecoveryIntent, witnesses: readonly Witness[]): Witness | string {
  const donor = chooseDonor(witnesses);
  if (donor === undefined) return 'no witness is left';
  const { lastLogTerm, flushLsn } = donor.status;
  return lastLogTerm < planned.lastLogTerm || flushLsn < planned.flushLsn
    ? `the most advanced log, of safekeeper ${donor.id}, ends before ${formatLsn(planned.flushLsn)} in term ${planned.lastLogTerm}, where it stood when planned`
    : donor;
}

/**
 * The end of rule R11: whether the replica that came back is what was promised. `donorNow` is the donor's present
 * status: a new proposer may lawfully have truncated both in the meantime. Returns what is wrong, or nothing.
 */
export function verifyReplica(
  confirmed: Pick<Extract<Confirmation, { kind: 'Confirmed' }>, 'floor' | 'expected'>,
  replica: ReplicaStatus,
  donorNow: ReplicaStatus | undefined,
): string | undefined {
  const { floor, expected } = confirmed;
  if (replica.term < floor) return `its term is ${replica.term}, below ${floor}`;
  if (replica.lastLogTerm >= expected.lastLogTerm && replica.flushLsn >= expected.flushLsn) return undefined;
  if (donorNow !== undefined && compareLogEnds(replica, donorNow) >= 0) return undefined;
  return (
    `its log ends at ${formatLsn(replica.flushLsn)} in term ${replica.lastLogTerm}, ` +
    `before ${formatLsn(expected.flushLsn)} in term ${expected.lastLogTerm}`
  );
}

function discarded(message: string): Confirmation {
  return { kind: 'Discarded', message };
}

function sameMembers(a: readonly (readonly SafekeeperId[])[], b: readonly (readonly SafekeeperId[])[]): boolean {
  return a.length === b.length && a.every((set, at) => set.join(',') === b[at]?.join(','));
}
