import { maxLsn } from '../../src/domain/lsn.ts';
import { term } from '../../src/domain/term.ts';
import type { StatusValues } from '../domain/support.ts';
import type { Invariant } from './consensus.ts';
import type { Bounds } from './layout.ts';
import { type Bend, byGrace, byTerms, type Variant } from './variant.ts';
import type { WalkLimits } from './walk.ts';

/** One search and what it has to find. */
export interface Row {
  readonly name: string;
  readonly variant: Variant;
  readonly bounds: Bounds;
  /** The invariants of which one must be violated; none when all must hold. */
  readonly violates: readonly Invariant[];
  /** Explored by guided random walks only, where there are too many states. */
  readonly walk?: WalkLimits;
}

/** Where no other bounds are named. */
export const DEFAULT_BOUNDS: Bounds = {
  members: 3,
  proposers: 2,
  campaigns: 3,
  entries: 1,
  losses: 1,
  recoveries: 1,
  fences: 3,
};
const SHORT: Bounds = { ...DEFAULT_BOUNDS, campaigns: 2 };
/** The smallest in which a stale plan does harm. */
export const TWICE: Bounds = { ...SHORT, losses: 2, recoveries: 2 };

/** Votes alone: with records it is more than memory holds. */
const TWICE_VOTES: Bounds = { ...TWICE, entries: 0 };

const UNSAFE: readonly Invariant[] = ['I1', 'I2'];
/** Above every LSN of the model, so that it decides before them. */
const WEIGHT = 1n << 20n;

const byTermBeforeFlush = (values: StatusValues): StatusValues => ({
  ...values,
  flushLsn: BigInt(values.term ?? 0) * WEIGHT + BigInt(values.flushLsn ?? 0),
});
const byTermFirst = (values: StatusValues): StatusValues => ({
  ...values,
  lastLogTerm: BigInt(values.term ?? 0) * WEIGHT + BigInt(values.lastLogTerm ?? 0),
});
const hidingHollowness = (values: StatusValues): StatusValues =>
  values.flushLsn === 0n ? { ...values, flushLsn: 1_000n } : values;
/** A fence by terms is the highest term plus 1,024. */
const floorOneAbove: Bend = (intent) => ({ ...intent, floor: term(intent.floor - 1_023n) });
const expectingLongestLog: Bend = (intent, witnesses) => ({
  ...intent,
  planned: {
    ...intent.planned,
    flushLsn: witnesses.reduce((longest, { status }) => maxLsn(longest, status.flushLsn), intent.planned.flushLsn),
  },
});

const row = (name: string, variant: Variant, bounds: Bounds, violates: readonly Invariant[]): Row => ({
  name,
  variant,
  bounds,
  violates,
});
const holds = (name: string, variant: Variant, bounds: Bounds): Row => row(name, variant, bounds, []);
const unsafe = (name: string, variant: Variant, bounds: Bounds): Row => row(name, variant, bounds, UNSAFE);

/** What is shipped; the longest row first. */
export const SHIPPED: readonly Row[] = [
  holds('two losses, two recoveries at once, by grace', byGrace(), TWICE),
  holds('by terms, votes and acks of the lost incarnation kept', byTerms(), DEFAULT_BOUNDS),
  holds('by grace, votes and acks of the lost incarnation dropped', byGrace(), DEFAULT_BOUNDS),
  holds('an archive in place of the copy, by grace', byGrace({ archives: 'Compared' }), SHORT),
  holds('an archive in place of the copy, by terms', byTerms({ archives: 'Compared' }), SHORT),
  holds('a hollow replica is no witness', byGrace({ hollow: true }), { ...SHORT, losses: 2 }),
];

/** What would be wrong. The model proves something only because it finds these. */
export const WRONG: readonly Row[] = [
  unsafe('by grace, votes kept', byGrace({ lostVotes: 'Kept' }), SHORT),
  unsafe('by grace, acks kept', byGrace({ lostAcks: 'Kept' }), SHORT),
  unsafe('by terms, floor only one above, votes kept', byTerms({ bendPlan: floorOneAbove }), DEFAULT_BOUNDS),
  unsafe('donor by (last_log_term, term, flush_lsn)', byGrace({ view: byTermBeforeFlush }), DEFAULT_BOUNDS),
  unsafe('donor by (term, last_log_term, flush_lsn)', byGrace({ view: byTermFirst }), DEFAULT_BOUNDS),
  unsafe('one witness of two', byGrace({ witnesses: 'OneTooFew' }), SHORT),
  unsafe('an archive of any age in place of the copy', byGrace({ archives: 'Any' }), SHORT),
  unsafe('no floor', byGrace({ floor: 'Never' }), SHORT),
  unsafe("recipient's term raised only after it is up", byGrace({ floor: 'OnRecipient' }), SHORT),
  unsafe('hollow replica counted as witness', byGrace({ hollow: true, view: hidingHollowness }), {
    ...SHORT,
    losses: 2,
  }),
  // Acting on the reads of the plan alone is safe within these bounds, see below; on such reads it is not.
  unsafe("witnesses read before the target's 404", byGrace({ readsBeforeLoss: true, recheck: false }), SHORT),
  unsafe('plan kept without re-check', byGrace({ recheck: false, returnVoids: 'Nothing' }), TWICE),
  row(
    'donor must reach the longest log any witness showed: safe, but stuck in a settled world',
    byGrace({ bendPlan: expectingLongestLog }),
    SHORT,
    ['I3'],
  ),
];

/** Minutes and gigabytes: `make model`. */
export const DEEP: readonly Row[] = [
  holds('no re-check, one loss', byGrace({ recheck: false }), DEFAULT_BOUNDS),
  holds(
    "planned with witnesses read before the target's 404, re-checked after it",
    byGrace({ readsBeforeLoss: true }),
    DEFAULT_BOUNDS,
  ),
  holds('an archive, three campaigns, by grace', byGrace({ archives: 'Compared' }), DEFAULT_BOUNDS),
  holds('an archive, three campaigns, by terms', byTerms({ archives: 'Compared' }), DEFAULT_BOUNDS),
  holds('by grace, two records', byGrace(), { ...DEFAULT_BOUNDS, entries: 2 }),
  holds('by grace, three records', byGrace(), { ...DEFAULT_BOUNDS, entries: 3 }),
  holds('by grace, three proposers', byGrace(), { ...DEFAULT_BOUNDS, proposers: 3 }),
  holds('by terms, two records', byTerms(), { ...DEFAULT_BOUNDS, entries: 2 }),
  holds('two losses, two recoveries at once, by terms', byTerms(), TWICE_VOTES),
  unsafe('the same, floors not announced before the fence', byTerms({ announced: false }), TWICE_VOTES),
  unsafe('the same, re-checked without asking for the object', byTerms({ returnVoids: 'Rechecks' }), TWICE_VOTES),
  holds(
    'by grace, A1 and A2 word for word',
    byGrace({ lostVotes: 'UntilGrace', lostAcks: 'UntilGrace' }),
    DEFAULT_BOUNDS,
  ),
  unsafe(
    'a replica returns and is lost again between re-check and pull, by grace',
    byGrace({ returnVoids: 'Nothing' }),
    TWICE,
  ),
];

export const ALL_ROWS: readonly Row[] = [...SHIPPED, ...WRONG, ...DEEP];
