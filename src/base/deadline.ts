import { Failure } from './failure.ts';

/** A signal that aborts with its parent or after `timeoutMs`, whichever comes first. Dispose it when the work is done. */
export interface Deadline extends Disposable {
  readonly signal: AbortSignal;
  /** Aborts at once with `reason`. */
  cancel(reason: Error): void;
  /** Starts the time again: turns the deadline into a stall detector. */
  extend(): void;
}

/** `what` completes the sentence "… took longer than N s". Unlike `AbortSignal.any`, nothing stays on the parent. */
export function startDeadline(timeoutMs: number, what: string, parent: AbortSignal): Deadline {
  const controller = new AbortController();
  const onParentAbort = () => controller.abort(parent.reason);
  const onTimeout = () =>
    controller.abort(new Failure('DeadlineExceeded', `${what} took longer than ${formatSeconds(timeoutMs)}`));
  const timer = setTimeout(onTimeout, timeoutMs);
  if (parent.aborted) onParentAbort();
  else parent.addEventListener('abort', onParentAbort, { once: true });
  return {
    signal: controller.signal,
    cancel: (reason) => controller.abort(reason),
    extend: () => void timer.refresh(),
    [Symbol.dispose]: () => {
      clearTimeout(timer);
      parent.removeEventListener('abort', onParentAbort);
    },
  };
}

function formatSeconds(durationMs: number): string {
  return `${Math.round(durationMs / 100) / 10} s`;
}
