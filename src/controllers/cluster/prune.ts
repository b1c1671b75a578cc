import { isMadeByInventory, labels, TIMELINE_RESOURCE } from '../../api/names.ts';
import { parseTimelineSpec } from '../../api/parse.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { TimelineSpec } from '../../api/timeline-spec.ts';
import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { describeError } from '../../base/failure.ts';
import type { Logger } from '../../base/log.ts';
import { parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import { isApiError } from '../../kube/api-error.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { keyOf, type ObjectKey } from '../../kube/object.ts';
import type { ClusterRuntime } from './cluster-runtime.ts';

/** What pruning needs to know of a cluster that was just scanned. */
export type ScannedCluster = Pick<
  ClusterRuntime,
  'key' | 'spec' | 'inventory' | 'safekeepers' | 'ownership' | 'paused'
>;

export interface PrunerOptions {
  readonly client: Pick<KubeClient, 'delete'>;
  /** For those that are kept in memory. */
  readonly dropTimeline: (timeline: SafekeeperTimeline) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** A timeline that no list shows any more, as all its members confirm one after another. */
interface Absence {
  readonly uid: string | undefined;
  /** Monotonic ms of the first scan. */
  readonly sinceMs: number;
  readonly scanCount: number;
  /** Whether any member said "deleted" since then: lists do not say it. */
  readonly saidDeleted: boolean;
}

interface Candidate {
  readonly timeline: SafekeeperTimeline;
  readonly spec: TimelineSpec;
}

const SCANS_MIN = 3;
const KEPT_AFTER_HEALING_MS = 24 * 60 * 60_000;
/** One visit stays short: the rest has its turn at the next. */
const CONFIRM_COUNT_MAX = 200;
const DELETE_COUNT_MAX = 500;
const CONCURRENCY = 8;

/**
 * Removes objects that the inventory made and nobody needs any more; never a timeline. An object goes when no safekeeper
 * lists its timeline, every member has answered on three scans that it does not have it, and one of them said
 * "deleted" or the storage controller names it nowhere. Absent in any other way it is an alarm and stays. With
 * `UnderReplicated` an object also goes a day after its timeline was healed.
 */
export class Pruner {
  private readonly options: PrunerOptions;
  /** Whoever was confirmed longest ago comes first. */
  private readonly absences = new Map<ObjectKey, Absence>();

  constructor(options: PrunerOptions) {
    this.options = options;
  }

  /** To be called once after every scan. `timelines` are all objects of the cluster. Throws only for the signal. */
  async prune(
    object: SafekeeperCluster,
    cluster: ScannedCluster,
    timelines: readonly SafekeeperTimeline[],
    signal: AbortSignal,
  ): Promise<void> {
    const { inventory } = cluster.spec;
    // Whoever paused the cluster wants nothing to change, and may be moving disks about.
    if (!inventory.prune || cluster.paused !== undefined) {
      this.absences.clear();
      return;
    }
    const ours = timelines.filter((timeline) => isOurs(timeline, object));
    const done = [
      ...(inventory.timelines === 'UnderReplicated' ? ours.filter((timeline) => this.isHealed(timeline, cluster)) : []),
      ...(await this.findDeleted(cluster, ours, signal)),
    ];
    await mapBounded(done.slice(0, DELETE_COUNT_MAX), CONCURRENCY, (timeline) => this.remove(timeline, signal));
  }

  /** Every list shows it where it should be, as far as lists can tell, and it has been well for a day. */
  private isHealed(timeline: SafekeeperTimeline, { inventory }: ScannedCluster): boolean {
    const ready = findCondition(timeline.status?.conditions, 'Ready');
    if (ready?.status !== 'True' || timeline.status?.recovery !== undefined) return false;
    if (this.options.clock.wallTimeMs() - Date.parse(ready.lastTransitionTime) < KEPT_AFTER_HEALING_MS) return false;
    const { members, recovery, paused, tenantId, timelineId } = timeline.spec;
    // Somebody has said there how this timeline is to be treated.
    if (members !== undefined || recovery !== undefined || paused === true) return false;
    const key = `${tenantId}/${timelineId}`;
    const seen = timeline.status?.members ?? [];
    return (
      seen.length > 0 &&
      seen.every((id) => inventory.views.get(parseSafekeeperId(id) ?? NOBODY)?.timelines?.has(key) === true) &&
      seen.every((id) => knowsFence(timeline, id))
    );
  }

  private async findDeleted(
    cluster: ScannedCluster,
    ours: readonly SafekeeperTimeline[],
    signal: AbortSignal,
  ): Promise<SafekeeperTimeline[]> {
    const candidates = new Map<ObjectKey, Candidate>();
    for (const timeline of ours.filter((each) => isListedNowhere(cluster, each))) {
      const spec = parseTimelineSpec(timeline);
      if (spec.ok && allAnswer(cluster, timeline, spec.value)) {
        candidates.set(keyOf(timeline), { timeline, spec: spec.value });
      }
    }
    for (const [key, { uid }] of this.absences) {
      if (candidates.get(key)?.timeline.metadata.uid !== uid) this.absences.delete(key);
    }
    const known = [...this.absences.keys()].flatMap((key) => candidates.get(key) ?? []);
    const fresh = [...candidates].flatMap(([key, candidate]) => (this.absences.has(key) ? [] : [candidate]));
    // Alarms that stay for good must not keep the others from being looked at.
    const half = CONFIRM_COUNT_MAX / 2;
    const deleted = await mapBounded(
      [...known.slice(0, half), ...fresh, ...known.slice(half)].slice(0, CONFIRM_COUNT_MAX),
      CONCURRENCY,
      async (candidate) => ((await this.confirm(cluster, candidate, signal)) ? [candidate.timeline] : []),
    );
    return deleted.flat();
  }

  /** Asks every member once; true when that was the last that was missing. */
  private async confirm(cluster: ScannedCluster, { timeline, spec }: Candidate, signal: AbortSignal): Promise<boolean> {
    const key = keyOf(timeline);
    const before = this.absences.get(key);
    const nowMs = this.options.clock.monotonicMs();
    const answers = await Promise.all(
      membersOf(cluster, timeline, spec).map(
        async (id) => (await cluster.safekeepers.get(id)?.client.timelineStatus(spec.id, signal))?.kind ?? 'Unknown',
      ),
    );
    // At the end of the line again, whatever comes of it.
    this.absences.delete(key);
    if (answers.some((kind) => kind !== 'NotFound' && kind !== 'Deleted')) return false;
    const absence: Absence = {
      uid: timeline.metadata.uid,
      sinceMs: before?.sinceMs ?? nowMs,
      scanCount: (before?.scanCount ?? 0) + 1,
      saidDeleted: before?.saidDeleted === true || answers.includes('Deleted'),
    };
    this.absences.set(key, absence);
    if (absence.scanCount < SCANS_MIN) return false;
    return absence.saidDeleted || (await isNamedNowhere(cluster, spec, absence.sinceMs, signal));
  }

  /** Only the object that was judged: whatever changed meanwhile is judged anew. */
  private async remove(timeline: SafekeeperTimeline, signal: AbortSignal): Promise<void> {
    const { client, log, dropTimeline } = this.options;
    const { namespace, name, uid, resourceVersion } = timeline.metadata;
    if (uid === undefined || resourceVersion === undefined) {
      dropTimeline(timeline);
      return;
    }
    try {
      await client.delete(TIMELINE_RESOURCE, { namespace, name }, { preconditions: { uid, resourceVersion } }, signal);
      log.info({ object: `${namespace}/${name}` }, 'Timeline object removed');
    } catch (error) {
      signal.throwIfAborted();
      if (isApiError(error, 'Conflict') || isApiError(error, 'NotFound')) return;
      log.warn({ object: `${namespace}/${name}`, error: describeError(error) }, 'Timeline object not removed');
    }
  }
}

const NOBODY = -1n as SafekeeperId;

/** The status is the memory of fences (rule R4): it may go once no survivor of a loss could be without the last of them. */
function knowsFence({ status }: SafekeeperTimeline, safekeeperId: number): boolean {
  const replica = status?.replicas?.find((entry) => entry.safekeeperId === safekeeperId);
  return BigInt(replica?.term ?? 0) >= BigInt(status?.fencedTerm ?? 0);
}

/** Label and owner both: a label alone anybody can copy. */
function isOurs({ metadata }: SafekeeperTimeline, cluster: SafekeeperCluster): boolean {
  const { uid, name } = cluster.metadata;
  return (
    metadata.deletionTimestamp === undefined &&
    isMadeByInventory(metadata.labels) &&
    metadata.labels?.[labels.cluster] === name &&
    metadata.ownerReferences?.some((owner) => owner.uid === uid) === true
  );
}

/** No safekeeper lists it, and none of them leaves open whether it would. */
function isListedNowhere({ inventory: { views } }: ScannedCluster, { spec }: SafekeeperTimeline): boolean {
  const key = `${spec.tenantId}/${spec.timelineId}`;
  if (views.size === 0) return false;
  for (const { timelines } of views.values()) if (timelines?.has(key) !== false) return false;
  return true;
}

function allAnswer(cluster: ScannedCluster, timeline: SafekeeperTimeline, spec: TimelineSpec): boolean {
  const { views } = cluster.inventory;
  return membersOf(cluster, timeline, spec).every((id) => views.get(id)?.state.kind === 'Reachable');
}

/** All of the cluster when the members are not known. */
function membersOf(
  { safekeepers }: ScannedCluster,
  { status }: SafekeeperTimeline,
  spec: TimelineSpec,
): SafekeeperId[] {
  const seen = (status?.members ?? []).flatMap((id) => parseSafekeeperId(id) ?? []);
  const known = new Set([...(spec.members ?? []), ...seen]);
  return [...(known.size > 0 ? known : safekeepers.keys())];
}

async function isNamedNowhere(
  { ownership, safekeepers }: ScannedCluster,
  spec: TimelineSpec,
  sinceMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (ownership === undefined) return false;
  for (const id of safekeepers.keys()) {
    if ((await ownership.of(id, spec.id, sinceMs, signal)) !== 'NotNamed') return false;
  }
  return true;
}
