import type { Bounds } from './layout.ts';
import { DEEP, DEFAULT_BOUNDS, type Row, SHIPPED, WRONG } from './rows.ts';
import { byGrace, byTerms } from './variant.ts';
import type { WalkLimits } from './walk.ts';

/** Three quarters of all walks end by themselves within so many steps. */
const LIMITS: WalkLimits = { seed: 5, walks: 1_000, steps: 100 };

/** Five members can lose two at once, and two can be restored at once; hollow ones fool rule R1 from one loss more on. */
function boundsAtFive({ variant, bounds }: Row): Bounds {
  const losses = variant.hollow ? 3 : 2;
  return { ...bounds, members: 5, campaigns: bounds.campaigns + 1, losses, recoveries: 2 };
}

/** The same row for five members, where it takes one witness more to have one too few. */
function atFive(row: Row, walks = LIMITS.walks): Row {
  const name = `n = 5: ${row.name.replace('one witness of two', 'two witnesses of three')}`;
  return { ...row, name, bounds: boundsAtFive(row), walk: { ...LIMITS, walks } };
}

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

/** Wrong, but so long is the way there that walks have not found it: nothing is said about these for five members. */
const NOT_FOUND: readonly string[] = [
  'by terms, floor only one above, votes kept',
  'the same, floors not announced before the fence',
  'the same, re-checked without asking for the object',
];
const isFound = ({ name }: Row): boolean => !NOT_FOUND.includes(name);

/** Must hold for five members too, and does not: docs/decisions/0004-the-model-check.md says what is missing. */
const OPEN = 'by grace, A1 and A2 word for word';

export const WALKS_SHIPPED: readonly Row[] = [...SHIPPED, ...SILENT].map((row) => atFive(row));
export const WALKS_WRONG: readonly Row[] = WRONG.filter(isFound).map((row) => atFive(row, 5_000));
export const WALKS_NOT_COVERED: readonly Row[] = [...WRONG, ...DEEP]
  .filter((row) => !isFound(row))
  .map((row) => atFive(row));

export const WALKS_OPEN: readonly Row[] = DEEP.filter(({ name }) => name === OPEN).map((row) => atFive(row, 5_000));

/** Minutes: `make model`. */
export const WALKS_DEEP: readonly Row[] = [
  ...[...SHIPPED, ...SILENT].map((row) => atFive({ ...row, name: `${row.name}, more walks` }, 20_000)),
  ...DEEP.filter((row) => isFound(row) && row.name !== OPEN).map((row) => atFive(row, 20_000)),
];

export const ALL_WALKS: readonly Row[] = [...WALKS_SHIPPED, ...WALKS_WRONG, ...WALKS_OPEN, ...WALKS_DEEP];
