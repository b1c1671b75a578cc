import * as fc from 'fast-check';

/** `FUZZ_RUNS=20` tries every property twenty times as often. fast-check prints the seed of a failure. */
const MULTIPLIER = Number(process.env['FUZZ_RUNS'] ?? 1);

/** The deadline of a property with all its runs, also on a busy machine. */
export const FUZZ_TIMEOUT_MS = 60_000 * Math.max(1, MULTIPLIER);

export function fuzzRuns(count: number): { numRuns: number } {
  return { numRuns: Math.ceil(count * MULTIPLIER) };
}

/** From 0 (included) to 1, evenly. */
export function fractions(): fc.Arbitrary<number> {
  return fc.nat(2 ** 24 - 1).map((value) => value / 2 ** 24);
}
