import { setMaxListeners } from 'node:events';
import { TIMER_MS_MAX } from './clock.ts';
import { Failure } from './failure.ts';

/** A signal that aborts with its parent or after `timeoutMs`, whichever comes first. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Aborts at once with `reason`. */
  cancel(reason: Error): void;
  /** Starts the time again, unless it is disposed: turns the deadline into a stall detector. */
  extend(): void;
}

/** `what` completes the sentence "… took longer than N s". Unlike `AbortSignal.any`, nothing stays on the parent. */
export function startDeadline(timeoutMs: number, what: string, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  // Many waits may share a signal, and each takes its listener off again: that is no leak to warn of.
  setMaxListeners(0, parent, controller.signal);
  let over = false;
  const onParentAbort = () => controller.abort(parent.reason);
  const onTimeout = () =>
    controller.abort(new Failure('DeadlineExceeded', `${what} took longer than ${formatSeconds(timeoutMs)}`));
  const timer = setTimeout(onTimeout, Math.min(timeoutMs, TIMER_MS_MAX));
  if (parent.aborted) onParentAbort();
  else parent.addEventListener('abort', onParentAbort, { once: true });
  return {
    signal: controller.signal,
    cancel: (reason) => controller.abort(reason),
    extend: () => {
      if (!over) timer.refresh();
    },
    [Symbol.dispose]: () => {
      over = true;
      clearTimeout(timer);
      parent.removeEventListener('abort', onParentAbort);
    },
  };
}

/** The promise's outcome, or the signal's reason as soon as it is aborted; the work behind the promise goes on. */
export function untilAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function formatSeconds(durationMs: number): string {
  return `${Math.round(durationMs / 100) / 10} s`;
}
