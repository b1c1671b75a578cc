import { expect, test } from 'vitest';
import type { SafekeeperTimeline } from '../../src/api/resources.ts';
import { stillHolds } from '../../src/controllers/still-holds.ts';

function timeline(metadata: object, status: object = { redundancy: '3/3' }): SafekeeperTimeline {
  return { metadata: { name: 'a', generation: 1, ...metadata }, status } as unknown as SafekeeperTimeline;
}

test.each([
  ['nothing of ours changed', timeline({ annotations: { 'example.dev/x': '1' }, labels: { a: 'b' } }), true],
  ['the spec changed', timeline({ generation: 2 }), false],
  ['it is being deleted', timeline({ deletionTimestamp: '2026-01-01T00:00:00Z' }), false],
  ['a person has decided', timeline({ annotations: { 'safekeeper.dev/approve': 'x' } }), false],
  ['another operator has written', timeline({}, { redundancy: '2/3' }), false],
])('when %s', (_what, current, expected) => {
  expect(stillHolds(timeline({}), current)).toBe(expected);
});
