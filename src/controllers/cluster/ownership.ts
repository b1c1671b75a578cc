import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { startDeadline, untilAborted } from '../../base/deadline.ts';
import { describeError, Failure } from '../../base/failure.ts';
import { limits } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../../domain/ids.ts';
import type { OwnershipEvidence } from '../../domain/observation.ts';
import type { StorageControllerClient } from '../../safekeeper/storage-controller.ts';
import type { TimelineNames } from './timeline-names.ts';

/** A list older than this says nothing any more of what may be restored. */
const LIST_AGE_MAX_MS = 30_000;
/** A storage controller that did not answer is not asked again within this time, however many timelines wait. */
const PAUSE_AFTER_FAILURE_MS = 2_000;
const LIST_CONCURRENCY = 2;

/** The last list of one safekeeper's timelines that was read whole. */
interface OwnedList {
  readonly timelines: ReadonlyMap<string, TenantTimelineId>;
  /** Monotonic ms at which the reading began: what happened later it need not know. */
  readonly startedMs: number;
}

export interface OwnershipProblem {
  readonly kind: 'Refused' | 'NoAnswer' | 'Unusable';
  readonly message: string;
}

export interface OwnershipOptions {
  readonly cluster: string;
  readonly client: StorageControllerClient;
  readonly names: TimelineNames;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What the storage controller names on each safekeeper (rule R17), one list a safekeeper. A list that failed, was cut or
 * did not parse leaves the one before, which soon is too old to decide on: then there is no answer, never a "no".
 */
export class Ownership {
  /** What went wrong with the last reading of anybody's list, if it did. */
  problem: OwnershipProblem | undefined;
  private readonly options: OwnershipOptions;
  private readonly lists = new Map<SafekeeperId, OwnedList>();
  private readonly readings = new Map<SafekeeperId, Promise<void>>();
  private readonly pausedUntilMs = new Map<SafekeeperId, number>();
  /** A list has its own deadline and serves whoever waits for it. */
  private readonly never = new AbortController().signal;
  private refreshing: Promise<void> | undefined;

  constructor(options: OwnershipOptions) {
    this.options = options;
  }

  /**
   * Reads the lists of these safekeepers, and forgets all others. It does not wait for as long as a list may take: what
   * comes later counts then. Throws only for the signal.
   */
  async refresh(ids: readonly SafekeeperId[], signal: AbortSignal): Promise<void> {
    const wanted = new Set(ids);
    for (const id of this.lists.keys()) if (!wanted.has(id)) this.lists.delete(id);
    this.refreshing ??= this.readAll(ids).finally(() => (this.refreshing = undefined));
    await this.waitFor(this.refreshing, signal);
  }

  /** Whether the timeline belongs on the safekeeper, by a list whose reading began at `sinceMs` or later. */
  async of(
    id: SafekeeperId,
    timeline: TenantTimelineId,
    sinceMs: number,
    signal: AbortSignal,
  ): Promise<OwnershipEvidence> {
    const nowMs = this.options.clock.monotonicMs();
    const oldestMs = Math.max(sinceMs, nowMs - LIST_AGE_MAX_MS);
    const isFresh = () => (this.lists.get(id)?.startedMs ?? Number.NEGATIVE_INFINITY) >= oldestMs;
    if (!isFresh() && nowMs >= (this.pausedUntilMs.get(id) ?? 0)) await this.waitFor(this.read(id), signal);
    if (!isFresh()) return 'NoAnswer';
    return this.lists.get(id)?.timelines.has(formatTenantTimelineId(timeline)) === true ? 'Named' : 'NotNamed';
  }

  /** What was last read of a safekeeper, however long ago. */
  named(id: SafekeeperId): ReadonlyMap<string, TenantTimelineId> | undefined {
    return this.lists.get(id)?.timelines;
  }

  private async waitFor(reading: Promise<void>, signal: AbortSignal): Promise<void> {
    using patience = startDeadline(limits.probeTimeoutMs, "the storage controller's list", signal);
    await untilAborted(reading, patience.signal).catch(() => undefined);
    signal.throwIfAborted();
  }

  /** A few at a time, since each may be large; when there is no answer for one, the others are not waited for. */
  private async readAll(ids: readonly SafekeeperId[]): Promise<void> {
    const before = this.takeProblem();
    await mapBounded(ids, LIST_CONCURRENCY, async (id) => {
      if (this.problem?.kind !== 'NoAnswer') await this.read(id);
    });
    // It is told once: every interval would be too often.
    const { log, cluster } = this.options;
    const { problem } = this;
    if (problem !== undefined && before === undefined) {
      log.warn({ cluster, error: problem.message }, 'Storage controller does not list its timelines');
    }
  }

  private takeProblem(): OwnershipProblem | undefined {
    const { problem } = this;
    this.problem = undefined;
    return problem;
  }

  /** Joins a reading that is under way. Never throws. */
  private read(id: SafekeeperId): Promise<void> {
    const known = this.readings.get(id);
    if (known !== undefined) return known;
    const reading = this.readList(id).finally(() => this.readings.delete(id));
    this.readings.set(id, reading);
    return reading;
  }

  private async readList(id: SafekeeperId): Promise<void> {
    const { client, names, clock } = this.options;
    const startedMs = clock.monotonicMs();
    try {
      const list = await client.timelinesOf(id, this.never);
      const timelines = names.toMap(
        list.map((timeline) => names.intern(timeline)),
        this.lists.get(id)?.timelines,
      );
      this.lists.set(id, { timelines, startedMs });
      this.pausedUntilMs.delete(id);
    } catch (error) {
      this.problem = { kind: kindOf(error), message: describeError(error) };
      this.pausedUntilMs.set(id, clock.monotonicMs() + PAUSE_AFTER_FAILURE_MS);
    }
  }
}

function kindOf(error: unknown): OwnershipProblem['kind'] {
  const reason = error instanceof Failure ? error.reason : '';
  if (reason === 'CredentialsInvalid') return 'Refused';
  return reason === 'Unreachable' || reason === 'DeadlineExceeded' ? 'NoAnswer' : 'Unusable';
}
