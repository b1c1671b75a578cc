import type { Bounds } from './layout.ts';
import { DEEP, DEFAULT_BOUNDS, type Row, SHIPPED, TWICE, WRONG } from './rows.ts';
import { byGrace, byTerms, type Variant } from './variant.ts';
import type { WalkLimits } from './walk.ts';

/** Enough steps for most walks to end by themselves. */
const LIMITS: WalkLimits = { seed: 1, walks: 1_000, steps: 100 };

/** Found only where nothing else happens; records play no part in it. */
const VOTES_ALONE = 'by terms, floor only one above, votes kept';
/** Safe with one loss only, so here too. */
const ONE_LOSS = 'no re-check, one loss';
/** Wrong, but so long is the way there that walks have not found it: nothing is known of it for five members. */
const NOT_FOUND = 'the same, floors not announced before the fence';
/** Two losses at once: how rule R4 binds more than the one that is restored was found by this row. */
const TWO_LOSSES = 'by grace, A1 and A2 word for word';
const WORD_FOR_WORD: Partial<Variant> = { lostVotes: 'UntilGrace', lostAcks: 'UntilGrace' };

/** Shapes that three members do not have: rule R1 is met though some do not answer. */
const SILENT: readonly Row[] = [
  {
    name: 'members may give no answer, by grace',
    variant: byGrace({ silence: true }),
    bounds: DEFAULT_BOUNDS,
    violates: [],
  },
  {
    name: 'members may give no answer, by terms',
    variant: byTerms({ silence: true }),
    bounds: DEFAULT_BOUNDS,
    violates: [],
  },
];

/** Five members can lose two at once, and two can be restored at once; hollow ones fool rule R1 from one loss more on. */
function boundsAtFive({ name, variant, bounds }: Row): Bounds {
  if (name === VOTES_ALONE) return { ...bounds, members: 5, entries: 0 };
  if (name === ONE_LOSS) return { ...bounds, members: 5 };
  if (name === TWO_LOSSES) return { ...bounds, members: 5, losses: 2 };
  const losses = variant.hollow ? 3 : 2;
  return { ...bounds, members: 5, campaigns: bounds.campaigns + 1, losses, recoveries: 2 };
}

/** The same row for five members, where it takes one witness more to have one too few. */
function atFive(row: Row, walks: number): Row {
  const name = `n = 5: ${row.name.replace('one witness of two', 'two witnesses of three')}`;
  return { ...row, name, bounds: boundsAtFive(row), walk: { ...LIMITS, walks } };
}

/** What walks of five members taught about three: the grace period of one loss says nothing about the next. */
const TWO_OPERATORS: Omit<Row, 'name' | 'variant'> = {
  bounds: { ...TWICE, campaigns: 3 },
  violates: [],
  walk: { ...LIMITS, walks: 5_000 },
};
const PLAN_VOIDED: Row = {
  ...TWO_OPERATORS,
  name: 'n = 3: by grace, A1 and A2 word for word, two operators, a return voids plans',
  variant: byGrace({ ...WORD_FOR_WORD, returnVoids: 'Plans' }),
};
const PLAN_KEPT: Row = {
  ...TWO_OPERATORS,
  name: 'n = 3: the same, a return voids only what is re-checked',
  variant: byGrace(WORD_FOR_WORD),
  violates: ['I1', 'I2'],
};

const named = (name: string): readonly Row[] => DEEP.filter((row) => row.name === name);

export const WALKS_SHIPPED: readonly Row[] = [
  ...[...SHIPPED, ...SILENT].map((row) => atFive(row, LIMITS.walks)),
  ...named(TWO_LOSSES).map((row) => atFive(row, 3_000)),
  PLAN_VOIDED,
];
export const WALKS_WRONG: readonly Row[] = [...WRONG.map((row) => atFive(row, 20_000)), PLAN_KEPT];
export const WALKS_NOT_COVERED: readonly Row[] = named(NOT_FOUND).map((row) => atFive(row, 20_000));

/** Minutes: `make model`. */
export const WALKS_DEEP: readonly Row[] = [
  ...[...SHIPPED, ...SILENT].map((row) => atFive({ ...row, name: `${row.name}, more walks` }, 20_000)),
  ...DEEP.filter(({ name }) => name !== NOT_FOUND).map((row) => atFive(row, 20_000)),
];

export const ALL_WALKS: readonly Row[] = [...WALKS_SHIPPED, ...WALKS_WRONG, ...WALKS_DEEP];
