import { limits } from '../base/limits.ts';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

let isStopping = false;

/**
 * Aborted by SIGTERM, SIGINT, or the end of the parent when the process was started with an IPC channel. Only the first
 * signal is an orderly end; the second one kills.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  const stop = (cause: string) => {
    isStopping = true;
    controller.abort(cause);
  };
  for (const name of SIGNALS) process.once(name, stop);
  const onParentGone = () => stop('parent gone');
  process.once('disconnect', onParentGone);
  // Gone before anybody listened; without a channel there is no such property.
  if ('connected' in process && !process.connected) onParentGone();
  return controller.signal;
}

/**
 * Ends the process, whose command has ended. What it has printed may not have been read yet, and a pipe whose reader stands
 * still would keep it for good: after a signal it is kept for a moment only, and a signal from now on kills.
 */
export function endProcess(exitCode: number): void {
  process.exitCode = exitCode;
  for (const name of SIGNALS) process.removeAllListeners(name);
  if (isStopping) setTimeout(() => process.exit(), limits.outputGraceMs).unref();
}
