import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { recover, type RecoveryOrder } from '../../src/controllers/timeline/act.ts';
import { takeEnded } from '../../src/controllers/timeline/ended.ts';
import type { RecoveryTask } from '../../src/controllers/timeline/recovery-task.ts';
import type { Tracking } from '../../src/controllers/timeline/tracking.ts';
import { EMPTY_MEMORY } from '../../src/domain/recovery-memory.ts';
import { FakeClock } from '../support/fake-clock.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const NO_PROGRESS = { onPhase: () => undefined, onDonor: () => undefined, onBytes: () => undefined };

function orderWith(values: Pick<RecoveryOrder, 'clock' | 'isCurrent' | 'takeTurn'>): RecoveryOrder {
  const order = {
    intent: { recipient: 2n, members: { all: [2n] }, witnesses: [], fencing: 'ByGrace', floor: 1n },
    cluster: { safekeepers: new Map([[2n, {}]]) },
    tracking: { memory: EMPTY_MEMORY, notLoadedUntilMs: new Map() },
    ...values,
  };
  return order as unknown as RecoveryOrder;
}

test('who does not get its turn gives up its place, which is no failure', async () => {
  const gaveUp: unknown[] = [];
  const order = orderWith({
    clock: new FakeClock(),
    isCurrent: async () => true,
    takeTurn: (signal: AbortSignal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          gaveUp.push(signal.reason);
          reject(signal.reason as Error);
        });
      }),
  });
  const recovering = recover(order, NO_PROGRESS, new AbortController().signal);
  await vi.advanceTimersByTimeAsync(60_000);
  const result = await recovering;
  expect(result).toMatchObject({ kind: 'Overtaken' });
  expect(gaveUp).toHaveLength(1);

  const task = { result, intent: order.intent, attempt: 1 } as unknown as RecoveryTask;
  const tracking = { task, ended: [], failed: undefined, disks: new Map() } as unknown as Tracking;
  expect(takeEnded(tracking, new FakeClock())).toBe(task);
  expect(tracking).toMatchObject({ task: undefined, ended: [], failed: undefined });
});

test.each([
  ['comes in a moment', 500, 1],
  ['takes a while', 5_000, 2],
])('whose turn %s asks the API server again only if its answer has become old', async (_name, turnMs, asked) => {
  let nowMs = 0;
  const answers = [true, false];
  const given: unknown[] = [];
  const dispose = vi.fn();
  const recovering = recover(
    orderWith({
      clock: Object.assign(new FakeClock(), { monotonicMs: () => nowMs }),
      isCurrent: async () => {
        given.push(answers.shift());
        return given.at(-1) === true;
      },
      takeTurn: async () => {
        nowMs += turnMs;
        return { startPull: () => Promise.reject(new Error('not that far')), [Symbol.dispose]: dispose };
      },
    }),
    NO_PROGRESS,
    new AbortController().signal,
  );
  const result = await recovering;
  expect(given).toHaveLength(asked);
  const isTakenOver = result.kind === 'Discarded' && result.message.startsWith('another operator');
  expect(isTakenOver).toBe(asked === 2);
  expect(dispose).toHaveBeenCalledOnce();
});

test('what another operator has taken over does not wait for its turn', async () => {
  const takeTurn = vi.fn();
  const order = orderWith({ clock: new FakeClock(), isCurrent: async () => false, takeTurn });
  expect(await recover(order, NO_PROGRESS, new AbortController().signal)).toMatchObject({ kind: 'Discarded' });
  expect(takeTurn).not.toHaveBeenCalled();
});
