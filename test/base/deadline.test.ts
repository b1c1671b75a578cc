import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { startDeadline } from '../../src/base/deadline.ts';
import { Failure } from '../../src/base/failure.ts';

const never = new AbortController().signal;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

test('aborts after its time with a Failure that names what took too long', () => {
  using deadline = startDeadline(1_500, 'GET /x', never);
  vi.advanceTimersByTime(1_499);
  expect(deadline.signal.aborted).toBe(false);
  vi.advanceTimersByTime(1);
  expect(deadline.signal.reason).toBeInstanceOf(Failure);
  expect(deadline.signal.reason).toMatchObject({
    reason: 'DeadlineExceeded',
    message: 'GET /x took longer than 1.5 s',
  });
});

test('aborts with its parent and for the same reason, also when the parent was aborted before', () => {
  const parent = new AbortController();
  using deadline = startDeadline(1_000, 'it', parent.signal);
  parent.abort(new Error('shutdown'));
  expect(deadline.signal.reason).toMatchObject({ message: 'shutdown' });
  using late = startDeadline(1_000, 'it', parent.signal);
  expect(late.signal.reason).toMatchObject({ message: 'shutdown' });
});

test('extending starts the time again; disposing leaves no timer and nothing on the parent', () => {
  const parent = new AbortController();
  const removed = vi.spyOn(parent.signal, 'removeEventListener');
  const deadline = startDeadline(1_000, 'it', parent.signal);
  for (let step = 0; step < 5; step++) {
    vi.advanceTimersByTime(900);
    deadline.extend();
  }
  expect(deadline.signal.aborted).toBe(false);
  deadline[Symbol.dispose]();
  deadline.extend();
  expect(vi.getTimerCount()).toBe(0);
  expect(removed).toHaveBeenCalledOnce();
  parent.abort();
  expect(deadline.signal.aborted).toBe(false);
});

test('cancel aborts at once', () => {
  using deadline = startDeadline(1_000, 'it', never);
  deadline.cancel(new Error('enough'));
  expect(deadline.signal.reason).toMatchObject({ message: 'enough' });
});

test('a time that no timer can hold is long, not zero', async () => {
  using deadline = startDeadline(Number.MAX_SAFE_INTEGER, 'it', never);
  let awake = false;
  void systemClock.sleep(Number.MAX_SAFE_INTEGER, never).then(() => (awake = true));
  await vi.advanceTimersByTimeAsync(86_400_000);
  expect([deadline.signal.aborted, awake]).toEqual([false, false]);
});

test('sleep ends in time or with the signal, and leaves no timer', async () => {
  const woken = systemClock.sleep(1_000, never);
  await vi.advanceTimersByTimeAsync(1_000);
  await woken;
  const controller = new AbortController();
  const aborted = systemClock.sleep(1_000, controller.signal);
  controller.abort(new Error('stop'));
  await expect(aborted).rejects.toThrow('stop');
  await expect(systemClock.sleep(1_000, controller.signal)).rejects.toThrow('stop');
  expect(vi.getTimerCount()).toBe(0);
});
