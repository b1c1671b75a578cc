import { bounds } from '../../api/bounds.ts';
import type { SafekeeperClusterStatus } from '../../api/cluster-status.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { formatTimestamp } from '../../base/clock.ts';
import type { Condition, ResourceProblem } from '../../domain/conditions.ts';
import { claimConditions, findCondition } from '../../kube/conditions.ts';
import type { ClusterRuntime } from './cluster-runtime.ts';
import type { SafekeeperView } from './inventory.ts';

/** How many timelines are in which state, from their own conditions. */
type TimelineCounts = NonNullable<SafekeeperClusterStatus['timelines']>;

interface ClusterVerdict {
  readonly ready: Pick<Condition, 'status' | 'reason'>;
  readonly reconciling: Condition['reason'] | undefined;
  readonly stalled: Condition['reason'] | undefined;
  readonly message: string;
}

/** The status of a cluster that was scanned. */
export function buildClusterStatus(
  object: SafekeeperCluster,
  cluster: ClusterRuntime,
  timelines: readonly SafekeeperTimeline[],
  wallTimeMs: number,
): SafekeeperClusterStatus {
  const counts = countTimelines(timelines);
  const views = [...cluster.inventory.views.values()];
  const verdict = judge(cluster, views, counts);
  const lostOn = countLost(timelines);
  return {
    observedGeneration: object.metadata.generation,
    message: verdict.message.slice(0, bounds.messageLengthMax),
    safekeepers: views.map((view) => ({
      id: Number(view.id),
      url: view.url,
      reachable: view.state.kind === 'Reachable',
      timelines: view.timelines?.size,
      lost: lostOn.get(Number(view.id)) ?? 0,
      lastSeen: view.lastSeenMs === undefined ? undefined : formatTimestamp(view.lastSeenMs),
    })),
    timelines: counts,
    conditions: conditions(object, verdict, cluster.paused, quorumLost(timelines), wallTimeMs),
  };
}

/** The status of a cluster whose spec cannot be acted on. */
export function buildProblemStatus(
  object: SafekeeperCluster,
  reason: ResourceProblem,
  message: string,
  wallTimeMs: number,
): SafekeeperClusterStatus {
  const verdict: ClusterVerdict = {
    ready: { status: 'False', reason },
    reconciling: undefined,
    stalled: reason,
    message,
  };
  return {
    observedGeneration: object.metadata.generation,
    message: message.slice(0, bounds.messageLengthMax),
    conditions: conditions(object, verdict, undefined, undefined, wallTimeMs),
  };
}

/** Whether a status says anything new: when a safekeeper was last seen is written along with what is. */
export function isClusterNews(before: SafekeeperClusterStatus, after: SafekeeperClusterStatus): boolean {
  const essence = ({ safekeepers, conditions: claims, ...rest }: SafekeeperClusterStatus) =>
    JSON.stringify([
      rest.observedGeneration,
      rest.message,
      rest.timelines,
      safekeepers?.map(({ id, url, reachable, timelines, lost }) => [id, url, reachable, timelines, lost]),
      claims?.map(({ type, status, reason, observedGeneration }) => [type, status, reason, observedGeneration]),
    ]);
  return essence(before) !== essence(after);
}

function judge(cluster: ClusterRuntime, views: readonly SafekeeperView[], counts: TimelineCounts): ClusterVerdict {
  const stalled = (reason: Condition['reason'], message: string): ClusterVerdict => ({
    ready: { status: 'False', reason },
    reconciling: undefined,
    stalled: reason,
    message: `Needs you: ${message}`,
  });
  const conflict = views.find(({ state }) => state.kind === 'IdConflict');
  if (conflict?.state.kind === 'IdConflict')
    return stalled('SafekeeperIdConflict', `${conflict.state.problem}: correct spec.safekeepers.`);
  const refused = views.find(({ state }) => state.kind === 'Refused');
  if (refused?.state.kind === 'Refused')
    return stalled('CredentialsInvalid', `safekeeper ${refused.id}: ${refused.state.problem}.`);
  if (cluster.brake !== undefined) return stalled('StormBrake', cluster.brake);
  const silent = views.filter(({ state }) => state.kind === 'Unreachable');
  const progress = counts.recovering > 0 ? 'Pulling' : undefined;
  const figures = `${counts.redundant} of ${counts.total} timelines have all their replicas`;
  if (silent.length > 0) {
    return {
      ready: { status: 'False', reason: 'ReplicaUnreachable' },
      reconciling: progress ?? 'WaitingForWitnesses',
      stalled: undefined,
      message: `At risk: ${silent.map(({ id }) => `safekeeper ${id}`).join(', ')} ${silent.length === 1 ? 'does' : 'do'} not answer; ${figures}.`,
    };
  }
  if (counts.redundant === counts.total) {
    return {
      ready: { status: 'True', reason: 'AllReplicasPresent' },
      reconciling: undefined,
      stalled: undefined,
      message: `Safe: ${figures}.`,
    };
  }
  const needsPerson = counts.blocked > 0 ? `; ${counts.blocked} need you` : '';
  return {
    ready: { status: 'False', reason: 'ReplicaLost' },
    reconciling: progress ?? (counts.blocked < counts.degraded ? 'GracePeriod' : undefined),
    stalled: undefined,
    message: `${counts.blocked > 0 ? 'Needs you' : 'At risk'}: ${figures}; ${counts.recovering} are being restored${needsPerson}.`,
  };
}

function conditions(
  object: SafekeeperCluster,
  verdict: ClusterVerdict,
  paused: string | undefined,
  quorumLostCount: number | undefined,
  wallTimeMs: number,
): NonNullable<SafekeeperClusterStatus['conditions']> {
  const abnormal = (
    type: Condition['type'],
    reason: Condition['reason'] | undefined,
    otherwise: Condition['reason'],
  ): Condition =>
    reason === undefined || paused !== undefined
      ? { type, status: 'False', reason: otherwise, message: '' }
      : { type, status: 'True', reason, message: verdict.message };
  const claims: Condition[] = [
    { type: 'Ready', ...verdict.ready, message: verdict.message },
    abnormal('Reconciling', verdict.reconciling, 'Idle'),
    abnormal('Stalled', verdict.stalled, 'Progressing'),
    paused === undefined
      ? { type: 'Paused', status: 'False', reason: 'NotPaused', message: '' }
      : { type: 'Paused', status: 'True', reason: 'Paused', message: paused },
    quorumIntact(quorumLostCount),
  ];
  return claimConditions(object.status?.conditions ?? [], claims, object.metadata.generation, wallTimeMs);
}

function quorumIntact(quorumLostCount: number | undefined): Condition {
  if (quorumLostCount === undefined) {
    return {
      type: 'QuorumIntact',
      status: 'Unknown',
      reason: 'Observing',
      message: 'The cluster is not being looked at.',
    };
  }
  return quorumLostCount === 0
    ? { type: 'QuorumIntact', status: 'True', reason: 'QuorumPresent', message: '' }
    : {
        type: 'QuorumIntact',
        status: 'False',
        reason: 'QuorumLost',
        message: `${quorumLostCount} timelines have lost their quorum.`,
      };
}

function countTimelines(timelines: readonly SafekeeperTimeline[]): TimelineCounts {
  const withCondition = (type: Condition['type'], status: Condition['status']) =>
    timelines.filter((timeline) => findCondition(timeline.status?.conditions, type)?.status === status).length;
  return {
    total: timelines.length,
    redundant: withCondition('Ready', 'True'),
    degraded: withCondition('Ready', 'False'),
    recovering: timelines.filter(({ status }) =>
      ['Queued', 'Pulling', 'Verifying'].includes(findCondition(status?.conditions, 'Reconciling')?.reason ?? ''),
    ).length,
    blocked: withCondition('Stalled', 'True'),
  };
}

function quorumLost(timelines: readonly SafekeeperTimeline[]): number {
  return timelines.filter(({ status }) => findCondition(status?.conditions, 'QuorumIntact')?.status === 'False').length;
}

function countLost(timelines: readonly SafekeeperTimeline[]): Map<number, number> {
  const lost = new Map<number, number>();
  for (const { safekeeperId, state } of timelines.flatMap(({ status }) => status?.replicas ?? [])) {
    if (state === 'Lost') lost.set(safekeeperId, (lost.get(safekeeperId) ?? 0) + 1);
  }
  return lost;
}
