import { once } from 'node:events';
import type { LeaderElector } from './lease.ts';

/** What leads: its signal is aborted when the lease is lost; `isLeading` knows it first when the process was frozen. */
export type Work = (signal: AbortSignal, isLeading: () => boolean) => Promise<void>;

/**
 * Runs `work` while this process holds the lease, or at once without an elector. A lost lease aborts it at once and is a
 * failure: the process must go.
 */
export async function lead(elector: LeaderElector | undefined, stop: AbortSignal, work: Work): Promise<void> {
  if (elector === undefined) {
    await work(new AbortController().signal, () => true);
    return;
  }
  await using leadership = await elector.acquire(stop);
  const lost = once(leadership.signal, 'abort').then(() => {
    if (!stop.aborted) throw leadership.signal.reason as Error;
  });
  lost.catch(() => undefined);
  await Promise.race([work(leadership.signal, () => leadership.isHeld()), lost]);
}
