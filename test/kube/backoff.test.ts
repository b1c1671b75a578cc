import { expect, test } from 'vitest';
import { Backoff } from '../../src/kube/backoff.ts';

const POLICY = { initialMs: 800, factor: 2, capMs: 30_000, jitter: 1 };

function pauses(random: number, count: number): number[] {
  const backoff = new Backoff(POLICY, () => random);
  return Array.from({ length: count }, () => backoff.nextMs());
}

test('doubles to its cap', () => {
  expect(pauses(0, 8)).toEqual([800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000, 30_000]);
});

test('jitter adds up to the whole pause, within the cap', () => {
  expect(pauses(0.5, 7)).toEqual([1_200, 2_400, 4_800, 9_600, 19_200, 30_000, 30_000]);
});

test('begins anew after a reset', () => {
  const backoff = new Backoff(POLICY, () => 0);
  backoff.nextMs();
  backoff.nextMs();
  backoff.reset();
  expect(backoff.nextMs()).toBe(800);
});
