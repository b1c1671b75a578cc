import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8';

/** Of V8's part for new objects: both halves. V8 begins with 2 MiB, returns to that when little happens, and would grow to 32. */
const YOUNG_ENOUGH_BYTES = 8 * 1024 * 1024;
const LOOK_INTERVAL_MS = 250;

/**
 * What the long-running commands keep is small beside the garbage that they make: it is collected once the heap has grown
 * by half, not fourfold. The part for new objects may double until it is large enough for most of what is new to be garbage
 * when it is full, and no further. To be called once started.
 */
export function keepHeapSmall(): void {
  for (const flag of ['--heap-growing-percent=50', '--no-parallel-scavenge']) setFlagsFromString(flag);
  let mayGrow: boolean | undefined;
  const look = () => {
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    const isSmall = young !== undefined && young.space_size < YOUNG_ENOUGH_BYTES;
    if (isSmall === mayGrow) return;
    mayGrow = isSmall;
    setFlagsFromString(`--semi-space-growth-factor=${isSmall ? 2 : 1}`);
  };
  look();
  setInterval(look, LOOK_INTERVAL_MS).unref();
}
