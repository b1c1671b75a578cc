import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { RecoveryIntent } from '../domain/recovery-intent.ts';
import type { SafekeeperClient } from '../safekeeper/client.ts';

/** What a fence needs of an intent. */
export interface FenceOrder extends Pick<RecoveryIntent, 'fencing' | 'floor' | 'witnesses'> {
  /** Who persists its state because it may turn out to be the donor (rule R15); every witness unless given. */
  readonly persisting?: readonly SafekeeperId[];
}

/**
 * Rule R4 by terms: every witness that can be reached is raised; `confirmIntent` decides whether they were enough. Then
 * those that may be copied persist their state. Throws only for the signal.
 */
export async function prepareWitnesses(
  { fencing, floor, witnesses, persisting = witnesses }: FenceOrder,
  timeline: TenantTimelineId,
  clientOf: (id: SafekeeperId) => Pick<SafekeeperClient, 'termBump' | 'checkpoint'> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const prepare = async (id: SafekeeperId) => {
    const client = clientOf(id);
    if (fencing === 'ByTerms') await client?.termBump(timeline, floor, signal);
    if (persisting.includes(id)) await client?.checkpoint(timeline, signal);
  };
  await Promise.allSettled(witnesses.map(prepare));
  signal.throwIfAborted();
}
