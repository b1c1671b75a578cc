import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { HistoryEntry, SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { type ConditionType, eventOf, type Outcome, type OutcomeEvent } from '../../domain/conditions.ts';
import type { Proposal } from '../../domain/recovery-intent.ts';
import type { Planned } from '../../domain/recovery-plan.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { EventRecorder } from '../../kube/events.ts';
import type { StatusWriter } from '../../kube/status-writer.ts';
import type { ResolvedResource, TimelineResource } from './resource.ts';
import { buildStatus, isNews, type StatusInput } from './status.ts';
import type { Tracking } from './tracking.ts';

export interface ReporterOptions {
  readonly statusWriter: Pick<StatusWriter<SafekeeperTimelineStatus, SafekeeperTimeline>, 'write'>;
  readonly events: Pick<EventRecorder, 'record'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a visit has to say. */
export interface VisitReport {
  readonly outcome: Outcome;
  readonly planned: Pick<Planned, 'members' | 'replicas'>;
  readonly proposal: Proposal | undefined;
  /** A recovery that ended since the last visit. */
  readonly ended: HistoryEntry | undefined;
}

/** Tells people: one status write when there is news, an event and a log line when the outcome changed. */
export class Reporter {
  private readonly options: ReporterOptions;

  constructor(options: ReporterOptions) {
    this.options = options;
  }

  async report(resource: TimelineResource, tracking: Tracking, visit: VisitReport, signal: AbortSignal): Promise<void> {
    const { clock } = this.options;
    const { failed, task } = tracking;
    const justFailed = visit.ended?.outcome === 'Failed' && visit.outcome.kind === 'Wait' && failed !== undefined;
    await this.write(
      {
        ...visit,
        object: resource.object,
        before: resource.status,
        outcome: justFailed ? { kind: 'Failed', failed } : visit.outcome,
        task,
        failed,
        nextAttemptAtMs: failed && clock.wallTimeMs() + failed.nextAttemptAtMs - clock.monotonicMs(),
        paused: resource.paused,
        wallTimeMs: clock.wallTimeMs(),
      },
      signal,
    );
  }

  /** An object that cannot be looked after at all. */
  async reportProblem(
    object: SafekeeperTimeline,
    problem: Extract<ResolvedResource, { kind: 'Problem' }>,
    signal: AbortSignal,
  ): Promise<void> {
    await this.write(
      {
        object,
        before: object.status ?? {},
        outcome: problem,
        planned: { members: undefined, replicas: [] },
        proposal: undefined,
        task: undefined,
        failed: undefined,
        nextAttemptAtMs: undefined,
        ended: undefined,
        paused: undefined,
        wallTimeMs: this.options.clock.wallTimeMs(),
      },
      signal,
    );
  }

  private async write(input: StatusInput, signal: AbortSignal): Promise<void> {
    const { statusWriter, events, log } = this.options;
    const { object, before } = input;
    const status = buildStatus(input);
    if (!isNews(before, status)) return;
    await statusWriter.write(object, status, signal);
    for (const event of newEvents(input, status)) {
      events.record(object, event);
      const { namespace, name } = object.metadata;
      const { tenantId: tenant, timelineId: timeline } = object.spec;
      log.info({ namespace, name, tenant, timeline, reason: event.reason, detail: event.message }, 'Timeline changed');
    }
  }
}

/** What is worth an event: another outcome than before, a pause that began or ended. */
function newEvents({ before, outcome, paused }: StatusInput, after: SafekeeperTimelineStatus): OutcomeEvent[] {
  const reason = (status: SafekeeperTimelineStatus, type: ConditionType) =>
    findCondition(status.conditions, type)?.reason;
  const changed = (...types: ConditionType[]) => types.some((type) => reason(before, type) !== reason(after, type));
  const events: OutcomeEvent[] = [];
  if (changed('Paused') && (paused !== undefined || reason(before, 'Paused') === 'Paused')) {
    events.push(
      paused === undefined
        ? { type: 'Normal', reason: 'Resumed', message: 'Recovery is no longer paused.' }
        : { type: 'Normal', reason: 'Paused', message: paused },
    );
  }
  // A wait is announced by what it waits for, not by every stage of the waiting.
  const isNew =
    outcome.kind === 'Wait'
      ? changed('Ready', 'Stalled')
      : outcome.kind === 'Failed' || changed('Ready', 'Reconciling', 'Stalled');
  const event = isNew ? eventOf(outcome, findCondition(before.conditions, 'Ready')?.status) : undefined;
  return event === undefined ? events : [...events, event];
}
