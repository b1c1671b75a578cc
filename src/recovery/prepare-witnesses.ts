import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { RecoveryIntent } from '../domain/recovery-intent.ts';
import type { SafekeeperClient } from '../safekeeper/client.ts';

/**
 * Rule R4 by terms: every witness that can be reached is raised; `confirmIntent` decides whether they were enough. Then
 * those of `persisting` persist their state: whoever may turn out to be the donor (rule R15). Throws only for the signal.
 */
export async function prepareWitnesses(
  { fencing, floor, witnesses }: Pick<RecoveryIntent, 'fencing' | 'floor' | 'witnesses'>,
  persisting: readonly SafekeeperId[],
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
