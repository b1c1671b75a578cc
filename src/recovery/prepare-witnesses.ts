import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { RecoveryIntent } from '../domain/recovery-intent.ts';
import type { SafekeeperClient } from '../safekeeper/client.ts';

/**
 * Rule R4 by terms: every witness that can be reached is raised; `confirmIntent` decides whether they were enough. Then
 * the donor persists its state (rule R15); should the last look choose another one, its copy may have a commit_lsn that is
 * behind, which is lawful. Throws only for the signal.
 */
export async function prepareWitnesses(
  { fencing, floor, witnesses, donor }: Pick<RecoveryIntent, 'fencing' | 'floor' | 'witnesses' | 'donor'>,
  timeline: TenantTimelineId,
  clientOf: (id: SafekeeperId) => Pick<SafekeeperClient, 'termBump' | 'checkpoint'> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const prepare = async (id: SafekeeperId) => {
    const client = clientOf(id);
    if (fencing === 'ByTerms') await client?.termBump(timeline, floor, signal);
    if (id === donor) await client?.checkpoint(timeline, signal);
  };
  await Promise.allSettled(witnesses.map(prepare));
  signal.throwIfAborted();
}
