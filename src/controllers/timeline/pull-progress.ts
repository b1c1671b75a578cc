import { formatTenantTimelineId } from '../../domain/ids.ts';
import type { SafekeeperClient } from '../../safekeeper/client.ts';
import type { Observer } from './observe.ts';

/** Told by {@link watchPull}. */
export interface PullWatcher {
  /** The pull is not stalled, as far as can be seen. */
  onAlive(): void;
  onBytes(bytes: number): void;
}

const INTERVAL_MS = 5_000;

/**
 * Asks the recipient now and then whether a pull gets on, until the signal is aborted. An agent tells how many bytes
 * have arrived; of a safekeeper the used bytes of its file system are the one sign there is; where neither is offered
 * only the pull's own deadline is left. No answer is no sign. Never throws.
 */
export async function watchPull(
  { clock, stallTimeoutMs, timeline }: Pick<Observer, 'clock' | 'timeline'> & { readonly stallTimeoutMs: number },
  recipient: SafekeeperClient,
  watcher: PullWatcher,
  signal: AbortSignal,
): Promise<void> {
  let usedBytes: number | undefined;
  let arrivedBytes: number | undefined;
  while (!signal.aborted) {
    try {
      await clock.sleep(Math.min(stallTimeoutMs / 4, INTERVAL_MS), signal);
      const transfers = await recipient.runningTransfers(signal);
      if (transfers === undefined) {
        const usage = await recipient.filesystemUsage(signal);
        if (usage === undefined || usage.usageBytes !== usedBytes) watcher.onAlive();
        usedBytes = usage?.usageBytes;
        continue;
      }
      const pull = transfers.find(
        (transfer) => transfer.kind === 'Pull' && formatTenantTimelineId(transfer) === formatTenantTimelineId(timeline),
      );
      if (pull === undefined || pull.bytes !== arrivedBytes) watcher.onAlive();
      if (pull !== undefined) watcher.onBytes(pull.bytes);
      arrivedBytes = pull?.bytes;
    } catch {
      // No answer is no sign.
    }
  }
}
