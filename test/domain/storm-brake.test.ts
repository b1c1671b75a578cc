import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { TenantId, TimelineId } from '../../src/domain/ids.ts';
import { type LostReplica, type StormInput, stormBrake } from '../../src/domain/storm-brake.ts';
import { id } from './support.ts';

const replica = (safekeeper: number, timeline: number, sinceMs = 0): LostReplica => ({
  safekeeperId: id(safekeeper),
  tenantId: '0'.repeat(32) as TenantId,
  timelineId: timeline.toString(16).padStart(32, '0') as TimelineId,
  sinceMs,
});
const many = (safekeeper: number, count: number, sinceMs = 0) =>
  Array.from({ length: count }, (_, at) => replica(safekeeper, at, sinceMs));
const brake = (changes: Partial<StormInput>) =>
  stormBrake({
    safekeeperCount: 3,
    unreachableCount: 0,
    timelineCount: 100,
    lost: [],
    gracePeriodMs: 30_000,
    maxUnavailable: 0.5,
    maxLost: 0.05,
    ...changes,
  });

test('one safekeeper that loses everything is no storm, at whatever times', () => {
  const times = fc.array(fc.integer({ min: 0, max: 100_000 }), { maxLength: 200 });
  fc.assert(
    fc.property(times, (list) => {
      expect(brake({ lost: list.map((sinceMs, at) => replica(1, at, sinceMs)) })).toBeUndefined();
    }),
  );
});

test('more than maxLost of the timelines on two safekeepers within one grace period is one', () => {
  expect(brake({ lost: [...many(1, 4), replica(2, 50)] })).toBeUndefined();
  expect(brake({ lost: [...many(1, 5), replica(2, 50)] })).toMatch(/6 timelines .* 2 safekeepers/);
  expect(brake({ lost: [...many(1, 5), replica(2, 4)] })).toBeUndefined();
});

test('a storm is over when its replicas are back, not when time has gone by', () => {
  expect(brake({ lost: [...many(1, 5, -900_000), replica(2, 50, -870_000)] })).toBeDefined();
  expect(brake({ lost: [...many(1, 5, -900_000), replica(2, 50, -869_999)] })).toBeUndefined();
  expect(brake({ lost: many(1, 5, -900_000) })).toBeUndefined();
});

test('more than maxUnavailable of the safekeepers not answering is one as well', () => {
  expect(brake({ unreachableCount: 1 })).toBeUndefined();
  expect(brake({ unreachableCount: 2 })).toMatch(/2 of 3/);
  expect(brake({ safekeeperCount: 4, unreachableCount: 2 })).toBeUndefined();
});
