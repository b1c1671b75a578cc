/**
 * Aborted by SIGTERM, SIGINT, or the end of the parent when the process was started with an IPC channel. Only the first
 * signal is an orderly end; the second one kills.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => controller.abort(name));
  process.once('disconnect', () => controller.abort('parent gone'));
  return controller.signal;
}
