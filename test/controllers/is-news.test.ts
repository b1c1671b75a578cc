import { expect, test } from 'vitest';
import type { SafekeeperTimelineStatus } from '../../src/api/timeline-status.ts';
import { isNews } from '../../src/controllers/timeline/status.ts';

function status(reconciling: string, change: Partial<SafekeeperTimelineStatus> = {}): SafekeeperTimelineStatus {
  const condition = (type: string, reason: string) => ({
    type,
    status: 'True' as const,
    reason,
    message: '',
    observedGeneration: 1,
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
  return {
    observedGeneration: 1,
    redundancy: '2/3',
    conditions: [condition('Ready', 'ReplicaLost'), condition('Reconciling', reconciling)],
    ...change,
  };
}

test('that it waits in line is no news while that passes, everything else is', () => {
  const before = status('GracePeriod');
  expect(isNews(before, status('Queued'))).toBe(true);
  expect(isNews(before, status('Queued'), true)).toBe(false);
  expect(isNews(before, status('Queued', { redundancy: '1/3' }), true)).toBe(true);
  expect(isNews(before, status('Queued', { observedGeneration: 2 }), true)).toBe(true);
  expect(isNews(before, status('Queued', { lastHandledReconcileAt: 'now' }), true)).toBe(true);
  expect(isNews({}, status('Queued'), true)).toBe(true);
});
