import { annotations } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import { assertNever } from '../../base/assert.ts';
import { Failure } from '../../base/failure.ts';
import type { Outcome } from '../../domain/conditions.ts';
import { formatTenantTimelineId, parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import { NO_EVIDENCE } from '../../domain/observation.ts';
import type { RecoveryIntent } from '../../domain/recovery-intent.ts';
import { remember } from '../../domain/recovery-memory.ts';
import type { ReconcileResult } from '../../kube/controller.ts';
import type { ObjectKey } from '../../kube/object.ts';
import type { Store } from '../../kube/store.ts';
import type { Slot } from '../cluster/admission.ts';
import type { ClusterRegistry } from '../cluster/cluster-runtime.ts';
import { takeEnded } from './ended.ts';
import { type Observer, readReplicas } from './observe.ts';
import { outcomeOf, underWay } from './outcome.ts';
import { type Decision, decide, memberSources, planWith, type Sight } from './plan.ts';
import { prepareRecovery, type RecoveryTask } from './recovery-task.ts';
import { correlation, Reporter, type ReporterOptions, type VisitReport } from './report.ts';
import { resolveResource, type TimelineResource, timelineIdentity } from './resource.ts';
import { recordedReplicas } from './status.ts';
import { isAbout, lookAgain, newTracking, NOTHING, type Tracking } from './tracking.ts';

export interface TimelineReconcilerOptions extends ReporterOptions {
  readonly timelines: Pick<Store<SafekeeperTimeline, 'identity'>, 'get' | 'byIndex'>;
  readonly clusterExists: (key: ObjectKey) => boolean;
  readonly clusters: ClusterRegistry;
  /** Uniform in [0, 1): spreads the periodic probes. */
  readonly random: () => number;
  /** The object as the API server has it now, not as the cache does. */
  readonly read: (object: SafekeeperTimeline, signal: AbortSignal) => Promise<SafekeeperTimeline>;
  /** Whether nobody else can be leading. */
  readonly isLeading: () => boolean;
  /** Asks for a visit: a recovery has ended. */
  readonly enqueue: (key: ObjectKey) => void;
  /** Ends every recovery: the operator stops or no longer leads. */
  readonly signal: AbortSignal;
}

/** Where a visit ended, and when to come again. */
interface Visit extends VisitReport {
  readonly againAfterMs: number;
  /** A recovery that begins with this visit. */
  readonly decided?: RecoveryTask;
}

const PROGRESS_INTERVAL_MS = 5_000;
const BLOCKED_RECHECK_MS = 30_000;
const AGAIN_MS_MIN = 500;
const FIRST_SCAN_PATIENCE_MS = 3_000;
const QUEUE_PATIENCE_MS = 20_000;

/** Looks after SafekeeperTimelines: observe, plan, act, say so. A visit is short; recoveries run beside the visits. */
export class TimelineReconciler {
  private readonly options: TimelineReconcilerOptions;
  private readonly reporter: Reporter;
  private readonly tracked = new Map<ObjectKey, Tracking>();
  private readonly running = new Set<Promise<void>>();
  /** Since when (monotonic ms) timelines have waited for their cluster's first scan. */
  private readonly awaited = new Map<ObjectKey, number>();

  constructor(options: TimelineReconcilerOptions) {
    this.options = options;
    this.reporter = new Reporter(options);
  }

  readonly reconcile = async (key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> => {
    const object = this.options.timelines.get(key);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      this.forget(key, 'the resource is gone');
      return { kind: 'Done' };
    }
    const resolved = resolveResource(
      object,
      timelineIdentity(object).flatMap((identity) => this.options.timelines.byIndex('identity', identity)),
      this.options.clusters,
      this.options.clusterExists,
      this.options.clock.wallTimeMs(),
    );
    switch (resolved.kind) {
      case 'NotYet':
        return await this.awaitCluster(object, signal);
      case 'Problem':
        this.forget(key, resolved.message);
        await this.reporter.reportUnplanned(object, resolved, signal);
        return { kind: 'RequeueAfter', delayMs: BLOCKED_RECHECK_MS };
      case 'Resource': {
        const { resource } = resolved;
        this.awaited.delete(resource.cluster.key);
        const tracking = this.track(key, resource);
        const visit = await this.visit(key, resource, tracking, signal);
        await this.tell(resource, tracking, visit, signal);
        const delayMs = Math.min(visit.againAfterMs, resource.resumesAfterMs ?? Number.POSITIVE_INFINITY);
        return { kind: 'RequeueAfter', delayMs };
      }
      default:
        return assertNever(resolved);
    }
  };

  /** The cluster's first scan asks for the next visit. Only a slow one is worth a write to each of its timelines. */
  private async awaitCluster(object: SafekeeperTimeline, signal: AbortSignal): Promise<ReconcileResult> {
    if (object.status?.conditions !== undefined) return { kind: 'Done' };
    const nowMs = this.options.clock.monotonicMs();
    const { cluster } = correlation(object);
    const sinceMs = this.awaited.get(cluster) ?? nowMs;
    this.awaited.set(cluster, sinceMs);
    const patienceMs = sinceMs + FIRST_SCAN_PATIENCE_MS - nowMs;
    if (patienceMs > 0) return { kind: 'RequeueAfter', delayMs: patienceMs };
    await this.reporter.reportUnplanned(object, { kind: 'Observing' }, signal);
    return { kind: 'Done' };
  }

  /** Recoveries under way. */
  get runningCount(): number {
    return this.running.size;
  }

  /** Resolves when no recovery runs any more; for the end, after `signal` was aborted. */
  async settled(): Promise<void> {
    await Promise.all(this.running);
  }

  private async visit(
    key: ObjectKey,
    resource: TimelineResource,
    tracking: Tracking,
    signal: AbortSignal,
  ): Promise<Visit> {
    const { clock } = this.options;
    const { object, cluster, spec, status } = resource;
    if (status.lastHandledReconcileAt !== object.metadata.annotations?.[annotations.reconcileAt]) {
      tracking.notLoadedUntilMs = NOTHING;
      tracking.disks = lookAgain(tracking.disks);
    }
    this.cancelUnwanted(resource, tracking);
    const ended = takeEnded(tracking, clock);
    if (ended !== undefined) this.reporter.tellEnd(object, ended);
    const observer: Observer = { cluster, timeline: spec.id, tracking, clock };
    const observation = await readReplicas(observer, whomToAsk(resource), signal);
    tracking.memory = remember(tracking.memory, observation, clock.monotonicMs());
    const sight: Sight = { ...observer, key, resource, tracking, observation };
    if (tracking.task !== undefined) {
      // Nothing more is asked beside a pull: it has the donor's disk to itself.
      return {
        ...runningVisit(tracking.task),
        planned: planWith(sight, { ...NO_EVIDENCE, ...this.evidence(tracking) }),
      };
    }
    const decision = await decide(sight, signal);
    if (decision.kind !== 'Queued') cluster.admission.withdraw(key);
    if (decision.kind !== 'Pull') return this.say(sight, decision);
    tracking.queuedSinceMs = undefined;
    tracking.task = this.prepare(sight, decision.intent, decision.slot);
    return { ...runningVisit(tracking.task), planned: decision.planned, decided: tracking.task };
  }

  /**
   * A recovery begins only once its status is written: the write is refused when the object has changed, by another
   * operator perhaps, and the floor of a fence must be known to all before anybody is raised to it.
   */
  private async tell(resource: TimelineResource, tracking: Tracking, visit: Visit, signal: AbortSignal): Promise<void> {
    const { decided } = visit;
    try {
      await this.reporter.report(resource, tracking, visit, signal);
    } catch (error) {
      if (decided !== undefined) {
        decided.drop();
        tracking.task = undefined;
      }
      throw error;
    }
    if (decided !== undefined) this.begin(resource.object, decided);
  }

  private say(sight: Sight, decision: Exclude<Decision, { kind: 'Pull' }>): Visit {
    const { tracking, resource, clock } = sight;
    const { planned } = decision;
    if (decision.kind !== 'Uninspected') tracking.uninspectedSinceMs = undefined;
    else tracking.uninspectedSinceMs ??= clock.monotonicMs();
    if (planned.plan.kind === 'Settled') tracking.failed = undefined;
    const outcome = outcomeOf(sight, decision);
    const queuedForMs = this.queuedForMs(sight, decision);
    if (queuedForMs < QUEUE_PATIENCE_MS) {
      return { outcome, planned, plan: planned.plan, againAfterMs: QUEUE_PATIENCE_MS - queuedForMs, isPassing: true };
    }
    return { outcome, planned, plan: planned.plan, againAfterMs: this.againAfterMs(outcome, resource) };
  }

  /** A crowd that has lost its replicas together gets in line together, and most of it is through before people could read that. */
  private queuedForMs({ tracking, clock }: Sight, decision: Decision): number {
    tracking.queuedSinceMs = decision.kind === 'Queued' ? (tracking.queuedSinceMs ?? clock.monotonicMs()) : undefined;
    return tracking.queuedSinceMs === undefined ? Infinity : clock.monotonicMs() - tracking.queuedSinceMs;
  }

  private againAfterMs(outcome: Outcome, resource: TimelineResource): number {
    switch (outcome.kind) {
      case 'Settled':
        return this.nextSweepMs(resource);
      case 'Wait': {
        const waitMs = Math.max(outcome.untilMs - this.options.clock.monotonicMs(), AGAIN_MS_MIN);
        // No look just before the one that counts: a crowd whose time is over together would all look twice.
        return waitMs <= 2 * PROGRESS_INTERVAL_MS ? waitMs : PROGRESS_INTERVAL_MS;
      }
      case 'Propose':
      case 'Blocked':
      case 'Problem':
      // It is told when its turn comes.
      case 'Queued':
        return BLOCKED_RECHECK_MS;
      case 'Observing':
      case 'Pulling':
      case 'Verifying':
      case 'Failed':
        return PROGRESS_INTERVAL_MS;
      default:
        return assertNever(outcome);
    }
  }

  private prepare(sight: Sight, intent: RecoveryIntent, slot: Slot): RecoveryTask {
    const { key, tracking, resource } = sight;
    const { random, isLeading, enqueue, signal } = this.options;
    const { settings } = resource;
    const id = Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
    const order = {
      ...sight,
      intent,
      evidence: this.evidence(tracking),
      recorded: recordedReplicas(resource.status),
      sources: memberSources(resource),
      pullTimeoutMs: settings.pullTimeoutMs,
      stallTimeoutMs: settings.stallTimeoutMs,
      isLeading,
      readStatus: async (signal: AbortSignal) => (await this.options.read(resource.object, signal)).status,
    };
    const attempt = (tracking.failed?.count ?? 0) + 1;
    return prepareRecovery(order, { id, attempt }, slot, () => enqueue(key), signal);
  }

  private begin(object: SafekeeperTimeline, task: RecoveryTask): void {
    const running = task.run();
    this.running.add(running);
    void running.then(() => this.running.delete(running));
    const { recipient, donor, fencing, forced } = task.intent;
    const fields = { ...correlation(object), safekeeper: recipient, recovery: task.id, donor, fencing, forced };
    this.options.log.info(fields, 'Recovery started');
  }

  /** What a running recovery must not go on under. */
  private cancelUnwanted({ paused, settings }: TimelineResource, { task }: Tracking): void {
    if (task === undefined || task.result !== undefined) return;
    if (paused !== undefined) task.cancel(new Failure('Paused', 'recovery was paused'));
    else if (settings.mode === 'Disabled') task.cancel(new Failure('RecoveryDisabled', 'recovery was disabled'));
  }

  private evidence(tracking: Tracking) {
    return { disks: new Map([...tracking.disks].map(([id, { evidence }]) => [id, evidence])) };
  }

  /** Everything is probed once in each verifyInterval, spread out so that no two safekeepers feel a wave. */
  private nextSweepMs({ cluster }: TimelineResource): number {
    return cluster.spec.inventory.verifyIntervalMs * (0.5 + this.options.random() / 2);
  }

  private track(key: ObjectKey, resource: TimelineResource): Tracking {
    const known = this.tracked.get(key);
    if (known !== undefined && isAbout(known, resource)) {
      known.safekeepers = resource.cluster.safekeepers;
      return known;
    }
    this.forget(key, 'it was for another object or other safekeepers');
    const tracking = newTracking(resource, this.options.clock);
    this.tracked.set(key, tracking);
    return tracking;
  }

  private forget(key: ObjectKey, why: string): void {
    const tracking = this.tracked.get(key);
    if (tracking === undefined) return;
    tracking.task?.cancel(new Failure('ResourceGone', why));
    tracking.cluster.admission.withdraw(key);
    this.tracked.delete(key);
  }
}

function runningVisit(task: RecoveryTask): Omit<Visit, 'planned'> {
  return { outcome: underWay(task), plan: undefined, againAfterMs: PROGRESS_INTERVAL_MS };
}

/** Whoever is known to be a member or shows the timeline in its list; everybody while nobody is known. */
function whomToAsk({ spec, status, cluster }: TimelineResource): SafekeeperId[] {
  const name = formatTenantTimelineId(spec.id);
  const members = (status.members ?? []).flatMap((id) => parseSafekeeperId(id) ?? []);
  const listed = [...cluster.inventory.views.values()].filter(({ timelines }) => timelines?.has(name) === true);
  const known = [...(spec.members ?? []), ...members];
  return [...new Set(known.length > 0 ? [...known, ...listed.map(({ id }) => id)] : cluster.safekeepers.keys())];
}
