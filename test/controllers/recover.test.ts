import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { recover, type RecoveryOrder } from '../../src/controllers/timeline/act.ts';
import { takeEnded } from '../../src/controllers/timeline/ended.ts';
import type { RecoveryTask } from '../../src/controllers/timeline/recovery-task.ts';
import type { Tracking } from '../../src/controllers/timeline/tracking.ts';
import { EMPTY_MEMORY } from '../../src/domain/recovery-memory.ts';
import { FakeClock } from '../support/fake-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('who does not get its turn gives up its place, which is no failure', async () => {
  const gaveUp: unknown[] = [];
  const order = {
    intent: { recipient: 2n, witnesses: [], fencing: 'ByGrace', floor: 1n },
    cluster: { safekeepers: new Map() },
    tracking: { memory: EMPTY_MEMORY, notLoadedUntilMs: new Map() },
    takeTurn: (signal: AbortSignal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          gaveUp.push(signal.reason);
          reject(signal.reason as Error);
        });
      }),
  } as unknown as RecoveryOrder;
  const progress = { onPhase: () => undefined, onDonor: () => undefined, onBytes: () => undefined };
  const recovering = recover(order, progress, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(60_000);
  const result = await recovering;
  expect(result).toMatchObject({ kind: 'Overtaken' });
  expect(gaveUp).toHaveLength(1);

  const task = { result, intent: order.intent, attempt: 1 } as unknown as RecoveryTask;
  const tracking = { task, ended: [], failed: undefined, disks: new Map() } as unknown as Tracking;
  expect(takeEnded(tracking, new FakeClock())).toBe(task);
  expect(tracking).toMatchObject({ task: undefined, ended: [], failed: undefined });
});
