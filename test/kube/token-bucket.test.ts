import { expect, test } from 'vitest';
import { TokenBucket } from '../../src/kube/token-bucket.ts';

test('lets a burst through, then one for every refill, and never saves up more than a burst', () => {
  const bucket = new TokenBucket(2, 100, 0);
  const takes = (...timesMs: number[]) => timesMs.map((nowMs) => bucket.tryTake(nowMs));
  expect(takes(0, 0, 0)).toEqual([true, true, false]);
  expect(takes(50, 99, 100, 101)).toEqual([false, false, true, false]);
  expect(takes(10_000, 10_000, 10_000)).toEqual([true, true, false]);
});
