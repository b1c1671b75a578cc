import { annotations } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { HistoryEntry } from '../../api/timeline-status.ts';
import { Failure } from '../../base/failure.ts';
import type { Outcome } from '../../domain/conditions.ts';
import { parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import type { Observation } from '../../domain/observation.ts';
import type { Plan } from '../../domain/plan.ts';
import type { RecoveryIntent } from '../../domain/recovery-intent.ts';
import { remember } from '../../domain/recovery-memory.ts';
import { type Planned, planRecovery } from '../../domain/recovery-plan.ts';
import { retryDelayMs } from '../../domain/recovery-policy.ts';
import type { ReconcileResult } from '../../kube/controller.ts';
import type { ObjectKey } from '../../kube/object.ts';
import type { Store } from '../../kube/store.ts';
import type { ClusterRegistry } from '../cluster/cluster-runtime.ts';
import { gatherEvidence, knownEvidence } from './evidence.ts';
import { type Observer, readReplicas } from './observe.ts';
import { startRecovery } from './recovery-task.ts';
import { Reporter, type ReporterOptions, type VisitReport } from './report.ts';
import { resolveResource, type TimelineResource, timelineIdentity } from './resource.ts';
import { recordedReplicas, recoveryRecord } from './status.ts';
import { newTracking, type Tracking } from './tracking.ts';

export interface TimelineReconcilerOptions extends ReporterOptions {
  readonly timelines: Pick<Store<SafekeeperTimeline, 'identity'>, 'get' | 'byIndex'>;
  readonly clusterExists: (key: ObjectKey) => boolean;
  readonly clusters: ClusterRegistry;
  /** Uniform in [0, 1): spreads the periodic probes. */
  readonly random: () => number;
  /** Asks for a visit: a recovery moved on. */
  readonly enqueue: (key: ObjectKey) => void;
  /** Ends every recovery: the operator stops or no longer leads. */
  readonly signal: AbortSignal;
}

/** Where a visit ended, and when to come again. */
interface Visit extends VisitReport {
  readonly againAfterMs: number;
}

const PROGRESS_INTERVAL_MS = 5_000;
const BLOCKED_RECHECK_MS = 30_000;
const NOT_LOADED_RETRY_MS = 5 * 60_000;
/** A plan may ask for evidence once for the first donor and once more when that one turns out to be damaged. */
const INSPECTIONS_MAX = 4;

/** Looks after SafekeeperTimelines: observe, plan, act, say so. One visit is short; recoveries run beside the visits. */
export class TimelineReconciler {
  private readonly options: TimelineReconcilerOptions;
  private readonly reporter: Reporter;
  private readonly tracked = new Map<ObjectKey, Tracking>();

  constructor(options: TimelineReconcilerOptions) {
    this.options = options;
    this.reporter = new Reporter(options);
  }

  readonly reconcile = async (key: ObjectKey, signal: AbortSignal): Promise<ReconcileResult> => {
    const object = this.options.timelines.get(key);
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) {
      this.forget(key);
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
        // The cluster's first visit asks for this one.
        return { kind: 'Done' };
      case 'Problem':
        this.forget(key);
        await this.reporter.reportProblem(object, resolved, signal);
        return { kind: 'RequeueAfter', delayMs: BLOCKED_RECHECK_MS };
      case 'Resource': {
        const { resource } = resolved;
        const tracking = this.track(key, resource);
        const visit = await this.visit(key, resource, tracking, signal);
        await this.reporter.report(resource, tracking, visit, signal);
        return { kind: 'RequeueAfter', delayMs: visit.againAfterMs };
      }
    }
  };

  private async visit(
    key: ObjectKey,
    resource: TimelineResource,
    tracking: Tracking,
    signal: AbortSignal,
  ): Promise<Visit> {
    const { clock } = this.options;
    if (tracking.task !== undefined && tracking.task.result === undefined && resource.paused !== undefined) {
      tracking.task.cancel(new Failure('Paused', 'recovery was paused'));
    }
    const ended = this.settleTask(tracking);
    const observer: Observer = { cluster: resource.cluster, timeline: resource.spec.id, tracking, clock };
    const observation = await readReplicas(observer, this.whomToAsk(resource), signal);
    tracking.memory = remember(tracking.memory, observation, clock.monotonicMs());
    const { plan, ...planned } = await this.plan(observer, resource, tracking, observation, signal);
    const { task } = tracking;
    if (task !== undefined) return this.underWay(planned, task.phase, task.intent, ended);
    if (plan.kind !== 'Pull') resource.cluster.admission.withdraw(key);
    return this.follow(key, resource, tracking, observer, { plan, planned, observation, ended });
  }

  /** Plans, fetching the evidence that the plan asks for, until it says what to do. */
  private async plan(
    observer: Observer,
    resource: TimelineResource,
    tracking: Tracking,
    observation: Observation,
    signal: AbortSignal,
  ): Promise<Planned> {
    const { clock } = this.options;
    const { object, status, cluster, settings, spec } = resource;
    const annotation = (name: string) => object.metadata.annotations?.[name];
    let evidence = knownEvidence(tracking, observation);
    for (let inspections = 0; ; inspections++) {
      const planned = planRecovery({
        observation,
        evidence,
        memory: tracking.memory,
        recorded: recordedReplicas(status),
        sources: { declared: spec.members, cluster: [...cluster.safekeepers.keys()] },
        policy: settings,
        decisions: { approved: annotation(annotations.approve), forced: annotation(annotations.forceDonor) },
        failed: tracking.failed,
        brake: cluster.brake,
        nowMs: clock.monotonicMs(),
      });
      if (planned.plan.kind !== 'Inspect' || inspections === INSPECTIONS_MAX) return planned;
      evidence = await gatherEvidence({ ...observer, tracking }, planned.plan, observation, evidence, signal);
    }
  }

  private follow(
    key: ObjectKey,
    resource: TimelineResource,
    tracking: Tracking,
    observer: Observer,
    found: { plan: Plan; planned: Visit['planned']; observation: Observation; ended: HistoryEntry | undefined },
  ): Visit {
    const { plan, planned, ended } = found;
    const { clock } = this.options;
    const shown = { planned, ended, proposal: undefined };
    switch (plan.kind) {
      case 'Settled':
        tracking.failed = undefined;
        return { ...shown, outcome: plan, againAfterMs: this.nextSweepMs(resource) };
      case 'Wait':
        return {
          ...shown,
          outcome: plan,
          againAfterMs: Math.min(Math.max(plan.untilMs - clock.monotonicMs(), 500), PROGRESS_INTERVAL_MS),
        };
      case 'Propose':
        return { ...shown, outcome: plan, proposal: plan.proposal, againAfterMs: BLOCKED_RECHECK_MS };
      case 'Blocked':
        return { ...shown, outcome: plan, proposal: plan.proposal, againAfterMs: BLOCKED_RECHECK_MS };
      case 'Inspect': {
        const message = `Safekeeper ${plan.room} lost its replica, but its disk or the donor's cannot be looked at.`;
        const outcome: Outcome = {
          kind: 'Wait',
          reason: 'WaitingForWitnesses',
          ready: 'ReplicaLost',
          stalled: undefined,
          untilMs: 0,
          message,
        };
        return { ...shown, outcome, againAfterMs: PROGRESS_INTERVAL_MS };
      }
      case 'Pull': {
        const { intent } = plan;
        if (resource.paused !== undefined || !this.start(key, resource, tracking, observer, intent, planned)) {
          const message = `Restoring safekeeper ${intent.recipient} from safekeeper ${intent.donor} waits for a slot.`;
          return { ...shown, outcome: { kind: 'Queued', message }, againAfterMs: PROGRESS_INTERVAL_MS };
        }
        return this.underWay(planned, 'Pulling', intent, ended);
      }
    }
  }

  private start(
    key: ObjectKey,
    resource: TimelineResource,
    tracking: Tracking,
    observer: Observer,
    intent: RecoveryIntent,
    planned: Visit['planned'],
  ): boolean {
    const { cluster, settings, status, spec } = resource;
    const present = planned.replicas.filter(({ state }) => state === 'Present');
    const slot = cluster.admission.tryEnter(key, intent.recipient, intent.donor, {
      presentReplicas: present.length,
      computeConnected: present.some((replica) => replica.status?.compute !== 'None'),
    });
    if (slot === undefined) return false;
    const order = {
      ...observer,
      intent,
      evidence: { disks: new Map([...tracking.disks].map(([id, { evidence }]) => [id, evidence])) },
      recorded: recordedReplicas(status),
      sources: { declared: spec.members, cluster: [...cluster.safekeepers.keys()] },
      pullTimeoutMs: settings.pullTimeoutMs,
      stallTimeoutMs: settings.stallTimeoutMs,
    };
    const attempt = (tracking.failed?.count ?? 0) + 1;
    tracking.task = startRecovery(order, attempt, slot, () => this.options.enqueue(key), this.options.signal);
    return true;
  }

  /** Takes over how a recovery ended: what it means for the next attempt, and its line in the history. */
  private settleTask(tracking: Tracking): HistoryEntry | undefined {
    const { task } = tracking;
    if (task?.result === undefined) return undefined;
    const { clock, log } = this.options;
    const { result, intent } = task;
    tracking.task = undefined;
    if (result.kind === 'Discarded') {
      log.info({ recipient: intent.recipient, donor: intent.donor, detail: result.message }, 'Recovery plan discarded');
    }
    if (result.kind === 'NotLoaded') {
      tracking.notLoadedUntilMs.set(intent.recipient, clock.monotonicMs() + NOT_LOADED_RETRY_MS);
    }
    if (result.kind === 'Failed') {
      const nextAttemptAtMs = clock.monotonicMs() + retryDelayMs(task.attempt);
      tracking.failed = { count: task.attempt, nextAttemptAtMs, reason: result.reason, message: result.message };
    }
    return recoveryRecord(task, clock.wallTimeMs());
  }

  private underWay(
    planned: Visit['planned'],
    phase: 'Pulling' | 'Verifying',
    { recipient, donor }: RecoveryIntent,
    ended: HistoryEntry | undefined,
  ): Visit {
    const doing = phase === 'Pulling' ? 'Restoring' : 'Verifying';
    const outcome: Outcome = { kind: phase, message: `${doing} safekeeper ${recipient} from safekeeper ${donor}.` };
    return { outcome, planned, proposal: undefined, ended, againAfterMs: PROGRESS_INTERVAL_MS };
  }

  private whomToAsk({ spec, status, cluster }: TimelineResource): SafekeeperId[] {
    const members = (status.members ?? []).flatMap((id) => parseSafekeeperId(id) ?? []);
    const known = [...(spec.members ?? []), ...members];
    return [...new Set(known.length > 0 ? known : cluster.safekeepers.keys())];
  }

  /** Everything is probed once in each verifyInterval, spread out so that no two safekeepers feel a wave. */
  private nextSweepMs({ cluster }: TimelineResource): number {
    return cluster.spec.inventory.verifyIntervalMs * (0.5 + this.options.random() / 2);
  }

  private track(key: ObjectKey, { status }: TimelineResource): Tracking {
    const known = this.tracked.get(key);
    if (known !== undefined) return known;
    const tracking = newTracking();
    const { clock } = this.options;
    // A restarted operator takes up the backoff where the status left it.
    if (status.recovery?.nextAttemptAt !== undefined) {
      const waitMs = Date.parse(status.recovery.nextAttemptAt) - clock.wallTimeMs();
      const message = status.history?.[0]?.message ?? 'the last attempt failed';
      tracking.failed = {
        count: status.recovery.attempt,
        nextAttemptAtMs: clock.monotonicMs() + waitMs,
        reason: 'RecoveryFailed',
        message,
      };
    }
    this.tracked.set(key, tracking);
    return tracking;
  }

  private forget(key: ObjectKey): void {
    const tracking = this.tracked.get(key);
    if (tracking === undefined) return;
    tracking.task?.cancel(new Failure('ResourceGone', 'the resource is gone'));
    this.tracked.delete(key);
  }
}
