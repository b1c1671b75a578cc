import { mock } from 'node:test';
import { getHeapSnapshot, getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';
import { keepHeapSmall } from '../../src/cli/small-heap.ts';

// How large V8's part for new objects becomes after `keepHeapSmall`, for a test that needs a process of its own. V8's
// lines about its collections are the standard output.

const MIB = 1024 * 1024;
/** Longer than from one look at it to the next. */
const PAUSE_MS = 1_000;
/** From the smallest size without a bound it would come far beyond what is allowed. */
const GROWTHS = 6;
const FILLS = 6;
/** Arrays of objects that are alive at once: more than it may hold, so that V8 enlarges it if it may. */
const FILL_COUNT = 2_500;

function sizeMiB(): number {
  const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
  return (young?.space_size ?? 0) / MIB;
}

function fill(isEnough: () => boolean = () => false): void {
  const kept: object[][] = [];
  while (kept.length < FILL_COUNT && !(kept.length % 50 === 0 && isEnough())) {
    kept.push(Array.from({ length: 100 }, () => ({})));
  }
}

/** The size that it comes to, from the smallest. What survives a collection may take more for a moment. */
function steadyMiB(): number {
  // V8 gives back all that it can do without.
  getHeapSnapshot().destroy();
  for (let growths = 0; growths < GROWTHS; growths++) {
    mock.timers.tick(PAUSE_MS);
    const beforeMiB = sizeMiB();
    fill(() => sizeMiB() > beforeMiB);
  }
  const sizes = Array.from({ length: FILLS }, () => {
    fill();
    return sizeMiB();
  });
  return Math.min(...sizes);
}

mock.timers.enable({ apis: ['setInterval'] });
keepHeapSmall();
for (const flag of ['--trace-gc', '--trace-parallel-scavenge']) setFlagsFromString(flag);
process.send?.([steadyMiB(), steadyMiB()]);
