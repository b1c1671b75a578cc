import type { RecoveryIntent } from '../../src/domain/recovery-intent.ts';
import type { Witness } from '../../src/domain/replica-state.ts';
import type { StatusValues } from '../domain/support.ts';

/** What becomes of what a proposer has from a member whose disk is lost (rule R4). */
export type Remembrance =
  /** Gone with the connection. */
  | 'Dropped'
  /** Counted for ever, or until the member acknowledges again. */
  | 'Kept'
  /** Assumptions A1 and A2 word for word: counted until the operator begins, which it does once votes are dropped and
   * what the lost member acknowledged is on a witness. */
  | 'UntilGrace';

export type Bend = (intent: RecoveryIntent, witnesses: readonly Witness[]) => RecoveryIntent;

/** One row of the table: how the world behaves, and how the shipped decisions are called or bent. */
export interface Variant {
  readonly fencing: 'ByGrace' | 'ByTerms';
  readonly lostVotes: Remembrance;
  readonly lostAcks: Remembrance;
  /** A compute may re-create a lost timeline empty; that member neither votes nor acknowledges. */
  readonly hollow: boolean;
  /** A plan may be made of answers that witnesses gave before the target was lost. */
  readonly readsBeforeLoss: boolean;
  /** Whose answers a plan needs; with one fewer than rule R1 asks for, one of them stands for those that are missing. */
  readonly witnesses: 'All' | 'OneTooFew';
  /** Members may give no answer; then the bound of rule R1 itself decides. */
  readonly silence: boolean;
  /** False: `confirmIntent` is given the answers of the plan again. */
  readonly recheck: boolean;
  /**
   * What a replica that returned in between voids, even when it is lost again (rule R11): whatever was planned for it,
   * because who restored it has said so in the object; only what is being re-checked or was confirmed already, because
   * from there to the pull are milliseconds; or nothing.
   */
  readonly returnVoids: 'Plans' | 'Rechecks' | 'Nothing';
  /** When the floor is enforced: on the donor, not at all, or on the recipient once it is up. */
  readonly floor: 'OnDonor' | 'Never' | 'OnRecipient';
  /** Whether plans know the floors that were announced. */
  readonly announced: boolean;
  /**
   * Whether an archive, which somebody writes of some member at some time, may be installed in place of a copy: never, when
   * the shipped rule says so, or always.
   */
  readonly archives: 'None' | 'Compared' | 'Any';
  /** What the decisions see of a replica's status. */
  readonly view: (values: StatusValues) => StatusValues;
  /** What becomes of a plan, given the witnesses it was made of. */
  readonly bendPlan: Bend;
}

const GRACE: Variant = {
  fencing: 'ByGrace',
  lostVotes: 'Dropped',
  lostAcks: 'Dropped',
  hollow: false,
  readsBeforeLoss: false,
  witnesses: 'All',
  silence: false,
  recheck: true,
  returnVoids: 'Rechecks',
  floor: 'OnDonor',
  announced: true,
  archives: 'None',
  view: (values) => values,
  bendPlan: (intent) => intent,
};

export function byGrace(changes: Partial<Variant> = {}): Variant {
  return { ...GRACE, ...changes };
}

export function byTerms(changes: Partial<Variant> = {}): Variant {
  return { ...GRACE, fencing: 'ByTerms', lostVotes: 'Kept', lostAcks: 'Kept', returnVoids: 'Plans', ...changes };
}
