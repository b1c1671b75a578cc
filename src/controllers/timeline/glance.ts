import type { Clock } from '../../base/clock.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../../domain/ids.ts';
import { NO_EVIDENCE } from '../../domain/observation.ts';
import { resolveMembers } from '../../domain/recovery-members.ts';
import { EMPTY_MEMORY } from '../../domain/recovery-memory.ts';
import { planRecovery } from '../../domain/recovery-plan.ts';
import type { ReplicaStateKind } from '../../domain/replica-state.ts';
import { INITIAL_TERM } from '../../domain/term.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import { type Observer, readReplicas } from './observe.ts';

/** What somebody has to look after. A safekeeper that does not answer is the cluster's trouble, not each timeline's. */
const TROUBLE: ReadonlySet<ReplicaStateKind> = new Set(['Lost', 'Hollow', 'Damaged', 'Corrupt', 'Deleted']);

/**
 * One look at a timeline that has no object: whether it should get one. Reads whoever lists it, then the members that do
 * not, and judges them as every visit does. Throws only for the signal.
 */
export async function isTroubled(
  cluster: ClusterRuntime,
  timeline: TenantTimelineId,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const observer: Observer = { cluster, timeline, tracking: { notLoadedUntilMs: new Map() }, clock };
  const key = formatTenantTimelineId(timeline);
  const views = [...cluster.inventory.views.values()];
  const listed = views.filter(({ timelines }) => timelines?.has(key) === true).map(({ id }) => id);
  const first = await readReplicas(observer, listed, signal);
  const sources = { declared: undefined, cluster: cluster.memberIds };
  const resolution = resolveMembers(first, sources);
  const members = 'members' in resolution ? resolution.members.all : [];
  const others = members.filter((id) => !first.has(id));
  const observation = new Map([...first, ...(await readReplicas(observer, others, signal))]);
  const { plan, replicas } = planRecovery({
    observation,
    evidence: NO_EVIDENCE,
    memory: EMPTY_MEMORY,
    recorded: new Map(),
    sources,
    policy: cluster.spec.recovery,
    decisions: { approved: undefined, forced: undefined },
    failed: undefined,
    fencedTerm: INITIAL_TERM,
    ownRecipient: undefined,
    brake: undefined,
    nowMs: clock.monotonicMs(),
  });
  return (
    replicas.some(({ state }) => TROUBLE.has(state)) ||
    (plan.kind === 'Blocked' && plan.reason === 'GenerationConflict')
  );
}
