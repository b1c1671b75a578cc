/**
 * Aborted by SIGTERM, SIGINT, or the end of the parent when the process was started with an IPC channel. Only the first
 * signal is an orderly end; the second one kills.
 */
export function stopSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => controller.abort(name));
  const onParentGone = () => controller.abort('parent gone');
  process.once('disconnect', onParentGone);
  // Gone before anybody listened; without a channel there is no such property.
  if ('connected' in process && !process.connected) onParentGone();
  return controller.signal;
}
