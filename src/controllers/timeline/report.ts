import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type ConditionType, eventOf, type Outcome, type OutcomeEvent, pauseEventOf } from '../../domain/conditions.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Planned } from '../../domain/recovery-plan.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { StatusWriter } from '../../kube/status-writer.ts';
import { objectKey } from '../../kube/object.ts';
import type { OperatorMetrics } from '../../observability/operator-metrics.ts';
import type { RecoveryTask } from './recovery-task.ts';
import type { TimelineResource } from './resource.ts';
import { buildStatus, isNews, type StatusInput } from './status.ts';
import type { Tracking } from './tracking.ts';

export interface ReporterOptions {
  readonly statusWriter: Pick<StatusWriter<SafekeeperTimelineStatus, SafekeeperTimeline>, 'write'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly metrics: OperatorMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a visit has to say. */
export interface VisitReport {
  readonly outcome: Outcome;
  readonly planned: Pick<Planned, 'members' | 'replicas'>;
  /** Undefined while a recovery runs. */
  readonly plan: Plan | undefined;
  /** Another visit will soon say what is being done: that alone is not worth a write. */
  readonly isPassing?: boolean;
}

/** Tells people: one status write when there is news, an event and a log line when the outcome changed. */
export class Reporter {
  private readonly options: ReporterOptions;

  constructor(options: ReporterOptions) {
    this.options = options;
  }

  async report(resource: TimelineResource, tracking: Tracking, visit: VisitReport, signal: AbortSignal): Promise<void> {
    const { task, failed, ended } = tracking;
    const { object, status: before, paused } = resource;
    const { isPassing = false, ...said } = visit;
    await this.write(
      { ...said, object, before, task, failed, ended, paused, wallTimeMs: this.options.clock.wallTimeMs() },
      isPassing,
      signal,
    );
    // Only now: a write that failed is made up for by the next visit.
    tracking.ended = [];
  }

  /** An object that cannot be looked after, or not yet. */
  async reportUnplanned(object: SafekeeperTimeline, outcome: Outcome, signal: AbortSignal): Promise<void> {
    await this.write(
      {
        object,
        before: object.status ?? {},
        outcome,
        planned: { members: undefined, replicas: [] },
        plan: undefined,
        task: undefined,
        failed: undefined,
        ended: [],
        paused: undefined,
        wallTimeMs: this.options.clock.wallTimeMs(),
      },
      false,
      signal,
    );
  }

  /** A recovery has ended; the next status will say so. */
  tellEnd(object: SafekeeperTimeline, { id, result, intent, startedAtMs }: RecoveryTask): void {
    if (result === undefined) return;
    const { metrics, clock, log } = this.options;
    metrics.recoveries.inc({ result: result.kind, fencing: intent.fencing });
    metrics.recoverySeconds.observe({ result: result.kind }, Math.max(0, clock.wallTimeMs() - startedAtMs) / 1_000);
    if (result.kind === 'Recovered') metrics.restoredBytes.inc(intent.snapshotSizeBytes);
    const detail = result.kind === 'Recovered' ? undefined : result.message;
    const fields = { ...correlation(object), safekeeper: intent.recipient, recovery: id, result: result.kind, detail };
    log.info(fields, 'Recovery ended');
  }

  private async write(input: StatusInput, isPassing: boolean, signal: AbortSignal): Promise<void> {
    const { statusWriter, events, metrics, log } = this.options;
    const { object, before } = input;
    const status = buildStatus(input);
    if (!isNews(before, status, isPassing)) return;
    await statusWriter.write(object, status, signal);
    for (const event of newEvents(input, status)) {
      events.record(object, event);
      metrics.outcomes.inc({ reason: event.reason });
      log.info({ ...correlation(object), reason: event.reason, detail: event.message }, 'Timeline changed');
    }
  }
}

/** The fields that tie a timeline's log lines together. */
export function correlation({ metadata, spec }: SafekeeperTimeline) {
  const cluster = objectKey({ namespace: metadata.namespace, name: spec.clusterRef.name });
  return { cluster, tenant: spec.tenantId, timeline: spec.timelineId };
}

/** What is worth an event: another outcome than before, an attempt that failed, a pause that began or ended. */
function newEvents(input: StatusInput, after: SafekeeperTimelineStatus): OutcomeEvent[] {
  const { before, outcome, paused, failed, ended } = input;
  const condition = (status: SafekeeperTimelineStatus, type: ConditionType) => findCondition(status.conditions, type);
  const changed = (...types: ConditionType[]) =>
    types.some((type) => condition(before, type)?.reason !== condition(after, type)?.reason);
  const wasReady = condition(before, 'Ready')?.status;
  const hasFailed = failed !== undefined && ended.some((entry) => entry.outcome === 'Failed');
  // A wait is announced by what it waits for, not by every stage of the waiting, the one in line included.
  const isNew =
    outcome.kind === 'Wait' || outcome.kind === 'Queued'
      ? changed('Ready', 'Stalled')
      : changed('Ready', 'Reconciling', 'Stalled') || before.proposal?.id !== after.proposal?.id;
  return [
    pauseEventOf(paused, condition(before, 'Paused')?.status === 'True'),
    hasFailed ? eventOf({ kind: 'Failed', failed }, wasReady) : undefined,
    isNew ? eventOf(outcome, wasReady) : undefined,
  ].filter((event) => event !== undefined);
}
