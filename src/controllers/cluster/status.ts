import type { SafekeeperClusterStatus } from '../../api/cluster-status.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { formatTimestamp } from '../../base/clock.ts';
import {
  type Condition,
  conditionsOfVerdict,
  type ConditionType,
  type OutcomeEvent,
  pauseEventOf,
  type ResourceProblem,
  type Verdict,
} from '../../domain/conditions.ts';
import type { Reason } from '../../domain/reasons.ts';
import { claimConditions, findCondition } from '../../kube/conditions.ts';
import type { ClusterRuntime } from './cluster-runtime.ts';
import { cut } from '../text.ts';
import type { SafekeeperView } from './inventory.ts';
import { describeCredentialRemedy, describeIdRemedy } from './remedies.ts';
import { countTimelines, type TimelineCounts } from './timeline-counts.ts';

/** The status of a cluster that was scanned. */
export function buildClusterStatus(
  object: SafekeeperCluster,
  cluster: ClusterRuntime,
  timelines: readonly SafekeeperTimeline[],
  wallTimeMs: number,
): SafekeeperClusterStatus {
  const counts = countTimelines(cluster, timelines);
  const views = [...cluster.inventory.views.values()];
  const verdict = judge(cluster, views, timelines, counts);
  const lostOn = countLost(timelines);
  return {
    observedGeneration: object.metadata.generation,
    message: cut(verdict.message),
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
  const verdict = needsYou(reason, message);
  return {
    observedGeneration: object.metadata.generation,
    message: cut(verdict.message),
    conditions: conditions(object, verdict, undefined, undefined, wallTimeMs),
  };
}

/** Reasons under which one thing after another may be wrong: a person who has mended the first must hear of the next. */
const SAYS_WHAT_TO_DO: ReadonlySet<string> = new Set<Reason>(['InvalidSpec', 'CredentialsInvalid']);

/** Whether a status says anything new: wording, and when a safekeeper was last seen, are written along with what is. */
export function isClusterNews(before: SafekeeperClusterStatus, after: SafekeeperClusterStatus): boolean {
  const essence = ({ observedGeneration, timelines, safekeepers, conditions: claims }: SafekeeperClusterStatus) =>
    JSON.stringify([
      observedGeneration,
      // The API server hands fields back in an order of its own.
      Object.entries(timelines ?? {}).toSorted(([a], [b]) => (a < b ? -1 : 1)),
      safekeepers?.map(({ id, url, reachable, timelines: count, lost }) => [id, url, reachable, count, lost]),
      claims?.map(({ type, status, reason, observedGeneration: of, message }) => [
        type,
        status,
        reason,
        of,
        type === 'Paused' || SAYS_WHAT_TO_DO.has(reason) ? message : undefined,
      ]),
    ]);
  return essence(before) !== essence(after);
}

/** What a new status is worth telling: another reason of Ready, a pause that began or ended. */
export function clusterEvents(before: SafekeeperClusterStatus, after: SafekeeperClusterStatus): OutcomeEvent[] {
  const find = ({ conditions: claims }: SafekeeperClusterStatus, type: ConditionType) => findCondition(claims, type);
  const paused = find(after, 'Paused');
  const pause = pauseEventOf(
    paused?.status === 'True' ? paused.message : undefined,
    find(before, 'Paused')?.status === 'True',
  );
  const events = pause === undefined ? [] : [pause];
  const [was, is] = [find(before, 'Ready'), find(after, 'Ready')];
  if (is === undefined || is.reason === was?.reason || is.status === 'Unknown') return events;
  const { message } = is;
  // The claims above are the only ones there are, so their reasons are of the closed list.
  if (is.status === 'False') return [...events, { type: 'Warning', reason: is.reason as Reason, message }];
  return was?.status === 'False' ? [...events, { type: 'Normal', reason: 'Recovered', message }] : events;
}

function judge(
  cluster: ClusterRuntime,
  views: readonly SafekeeperView[],
  timelines: readonly SafekeeperTimeline[],
  counts: TimelineCounts,
): Verdict {
  const conflict = views.find(({ state }) => state.kind === 'IdConflict');
  if (conflict?.state.kind === 'IdConflict') {
    return needsYou('SafekeeperIdConflict', `${conflict.state.problem}: ${describeIdRemedy(cluster.spec)}.`);
  }
  const refused = views.find(({ state }) => state.kind === 'Refused');
  if (refused?.state.kind === 'Refused') {
    const remedy = describeCredentialRemedy(cluster.spec);
    return needsYou('CredentialsInvalid', `safekeeper ${refused.id}: ${refused.state.problem}: ${remedy}.`);
  }
  if (cluster.credentialProblem !== undefined) {
    const { message } = cluster.credentialProblem;
    return needsYou('CredentialsInvalid', `${message}; until then what was read before stays in use.`);
  }
  const { ownership } = cluster;
  if (ownership?.problem?.kind === 'Refused') {
    const message = `the storage controller refuses the operator: ${ownership.problem.message}: renew or set spec.storageController.tokenSecretRef; until then nothing is restored.`;
    return needsYou('CredentialsInvalid', message);
  }
  if (cluster.brake !== undefined) return needsYou('StormBrake', cluster.brake);
  const figures = `${counts.redundant} of ${counts.total} timelines have all their replicas`;
  const silent = describeSilent(cluster, views);
  if (silent !== undefined) {
    return {
      ready: { status: 'False', reason: 'ReplicaUnreachable' },
      reconciling: counts.recovering > 0 ? 'Pulling' : 'WaitingForWitnesses',
      stalled: undefined,
      message: `At risk: ${silent}; ${figures}.`,
    };
  }
  if (counts.degraded > 0) return judgeDegraded(timelines, counts, figures);
  if (counts.redundant < counts.total) {
    return {
      ready: { status: 'Unknown', reason: 'Observing' },
      reconciling: 'Observing',
      stalled: undefined,
      message: `Looking at ${counts.total - counts.redundant} timelines for the first time.`,
    };
  }
  return {
    ready: { status: 'True', reason: 'AllReplicasPresent' },
    reconciling: undefined,
    stalled: undefined,
    message: `Safe: ${figures}.`,
  };
}

/** Who does not answer, and why the first of them does not; undefined when all do. */
function describeSilent({ discovery }: ClusterRuntime, views: readonly SafekeeperView[]): string | undefined {
  const silent = views.flatMap(({ id, state }) =>
    state.kind === 'Unreachable' ? [{ who: `safekeeper ${id}`, problem: state.problem }] : [],
  );
  const unidentified = (discovery?.unidentified ?? []).map(({ pod, problem }) => ({ who: `pod ${pod}`, problem }));
  const [first, ...others] = [...silent, ...unidentified];
  if (first === undefined) {
    return discovery?.safekeepers.length === 0 ? 'no pod matches spec.discovery.pods.selector' : undefined;
  }
  const who = [first, ...others].map((each) => each.who).join(', ');
  return `${who} ${others.length === 0 ? 'does' : 'do'} not answer (${first.problem})`;
}

/** Every safekeeper answers, and some timelines are not redundant: a loss speaks for the cluster, else the first of them. */
function judgeDegraded(timelines: readonly SafekeeperTimeline[], counts: TimelineCounts, figures: string): Verdict {
  const reasons = (type: ConditionType, status: Condition['status']) =>
    timelines
      .map((timeline) => findCondition(timeline.status?.conditions, type))
      .filter((condition) => condition?.status === status)
      .map((condition) => condition?.reason as Reason);
  const notReady = reasons('Ready', 'False');
  const ready: Reason = notReady.includes('ReplicaLost') ? 'ReplicaLost' : (notReady.sort()[0] ?? 'ReplicaLost');
  const [stalled] = reasons('Stalled', 'True').sort();
  // Somebody is needed for all that is left.
  const isStuck = counts.blocked >= counts.degraded;
  const detail = [
    figures,
    ...tally(counts.recovering, 'is being restored', 'are being restored'),
    ...tally(counts.blocked, 'needs you', 'need you'),
  ].join('; ');
  return {
    ready: { status: 'False', reason: ready },
    reconciling: isStuck ? undefined : counts.recovering > 0 ? 'Pulling' : waitReason(reasons('Reconciling', 'True')),
    stalled: isStuck ? stalled : undefined,
    message: `${counts.blocked > 0 ? 'Needs you' : 'At risk'}: ${detail}.`,
  };
}

function tally(count: number, ofOne: string, ofMany: string): string[] {
  return count === 0 ? [] : [`${count} ${count === 1 ? ofOne : ofMany}`];
}

/** Of several waits the one that is shown. */
function waitReason(reasons: readonly Reason[]): Reason {
  return reasons.includes('GracePeriod') ? 'GracePeriod' : (reasons[0] ?? 'Observing');
}

function needsYou(reason: Reason, message: string): Verdict {
  return {
    ready: { status: 'False', reason },
    reconciling: undefined,
    stalled: reason,
    message: `Needs you: ${message}`,
  };
}

function conditions(
  object: SafekeeperCluster,
  verdict: Verdict,
  paused: string | undefined,
  quorumLostCount: number | undefined,
  wallTimeMs: number,
): NonNullable<SafekeeperClusterStatus['conditions']> {
  const claims = conditionsOfVerdict(
    { ...verdict, message: cut(verdict.message) },
    paused,
    quorumIntact(quorumLostCount),
  );
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
        message: `Timelines that have lost their quorum: ${quorumLostCount}.`,
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
