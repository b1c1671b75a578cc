/** One side of a comparison; only `run` is timed. */
export interface Run {
  readonly prepare?: () => Promise<void>;
  readonly run: () => Promise<void>;
  readonly cleanUp?: () => Promise<void>;
}

const PAIRS = 5;

/**
 * Our time divided by the baseline's: the median of pairs that run right after each other, so that a machine that is
 * busy with something else slows both, and in turn the one and the other first.
 */
export async function compareInPairs(name: string, ours: Run, baseline: Run, pairCount = PAIRS): Promise<number> {
  const pairs: Array<{ readonly ours: number; readonly baseline: number }> = [];
  for (let index = 0; index < pairCount; index++) {
    const [first, second] = index % 2 === 0 ? [ours, baseline] : [baseline, ours];
    const times = new Map([
      [first, await timeSeconds(first)],
      [second, await timeSeconds(second)],
    ]);
    const pair = { ours: times.get(ours) ?? NaN, baseline: times.get(baseline) ?? NaN };
    pairs.push(pair);
    console.log(`${name}, pair ${index + 1}: ${pair.ours.toFixed(2)} s, baseline ${pair.baseline.toFixed(2)} s`);
  }
  return median(pairs.map((pair) => pair.ours / pair.baseline));
}

async function timeSeconds({ prepare, run, cleanUp }: Run): Promise<number> {
  await prepare?.();
  const start = performance.now();
  await run();
  const seconds = (performance.now() - start) / 1000;
  await cleanUp?.();
  return seconds;
}

/** Of an odd number of values. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[(values.length - 1) / 2] ?? NaN;
}
