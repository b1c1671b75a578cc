import { expect, test } from 'vitest';
import { claimConditions, findCondition } from '../../src/kube/conditions.ts';

const T0 = Date.parse('2026-01-01T00:00:00Z');
const T1 = Date.parse('2026-01-01T00:05:00Z');
const ready = { type: 'Ready', status: 'True', reason: 'AllGood', message: 'all is well' } as const;
const paused = { type: 'Paused', status: 'False', reason: 'NotPaused', message: '' } as const;

test('a new condition changed now', () => {
  expect(claimConditions([], [ready], 3, T0)).toEqual([
    { ...ready, observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z' },
  ]);
});

test('the transition time stays while the status stays, whatever else is claimed', () => {
  const before = claimConditions([], [ready, paused], 3, T0);
  const after = claimConditions(before, [{ ...ready, reason: 'Better', message: 'new' }, paused], 4, T1);
  expect(after[0]).toEqual({
    ...ready,
    reason: 'Better',
    message: 'new',
    observedGeneration: 4,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  expect(claimConditions(before, [ready, paused], 3, T1)).toEqual(before);
});

test('the transition time moves on a flip, of that condition only', () => {
  const before = claimConditions([], [ready, paused], 3, T0);
  const after = claimConditions(before, [{ ...ready, status: 'Unknown' }, paused], 3, T1);
  expect(after.map(({ lastTransitionTime }) => lastTransitionTime)).toEqual([
    '2026-01-01T00:05:00Z',
    '2026-01-01T00:00:00Z',
  ]);
  expect(findCondition(after, 'Ready')?.status).toBe('Unknown');
});

test('what is not claimed any more is gone, and no generation is written when there is none', () => {
  const before = claimConditions([], [ready, paused], undefined, T0);
  expect(before.every((condition) => !('observedGeneration' in condition))).toBe(true);
  expect(claimConditions(before, [paused], undefined, T1).map(({ type }) => type)).toEqual(['Paused']);
  expect(findCondition(undefined, 'Ready')).toBeUndefined();
});
