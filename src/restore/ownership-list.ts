import type { Clock } from '../base/clock.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import type { OwnershipEvidence } from '../domain/observation.ts';
import type { StorageControllerClient } from '../safekeeper/storage-controller.ts';

/** A list older than this says nothing any more of what may be restored. */
const LIST_AGE_MAX_MS = 30_000;
/** A storage controller that did not answer is not asked again within this time, however many timelines wait. */
const PAUSE_AFTER_FAILURE_MS = 2_000;

/** What the storage controller names on one safekeeper (rule R17), read anew when it is too old to decide on. */
export class OwnershipList {
  private readonly client: StorageControllerClient;
  private readonly ownId: SafekeeperId;
  private readonly clock: Clock;
  private names: ReadonlySet<string> = new Set();
  /** Monotonic ms at which the reading of `names` began. */
  private startedMs = Number.NEGATIVE_INFINITY;
  private pausedUntilMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<readonly TenantTimelineId[]> | undefined;

  constructor(client: StorageControllerClient, ownId: SafekeeperId, clock: Clock) {
    this.client = client;
    this.ownId = ownId;
    this.clock = clock;
  }

  /** All that belong to the safekeeper. Failures as of {@link StorageControllerClient.timelinesOf}. */
  read(signal: AbortSignal): Promise<readonly TenantTimelineId[]> {
    this.reading ??= this.readNow(signal).finally(() => (this.reading = undefined));
    return this.reading;
  }

  /** A list that failed, was cut or did not parse is no answer, never a "no". Throws only for the signal. */
  async of(timeline: TenantTimelineId, signal: AbortSignal): Promise<OwnershipEvidence> {
    if (!this.isFresh() && this.clock.monotonicMs() >= this.pausedUntilMs)
      await this.read(signal).catch(() => undefined);
    signal.throwIfAborted();
    if (!this.isFresh()) return 'NoAnswer';
    return this.names.has(formatTenantTimelineId(timeline)) ? 'Named' : 'NotNamed';
  }

  private isFresh(): boolean {
    return this.clock.monotonicMs() - this.startedMs <= LIST_AGE_MAX_MS;
  }

  private async readNow(signal: AbortSignal): Promise<readonly TenantTimelineId[]> {
    const startedMs = this.clock.monotonicMs();
    try {
      const timelines = await this.client.timelinesOf(this.ownId, signal);
      this.names = new Set(timelines.map(formatTenantTimelineId));
      this.startedMs = startedMs;
      return timelines;
    } catch (error) {
      this.pausedUntilMs = this.clock.monotonicMs() + PAUSE_AFTER_FAILURE_MS;
      throw error;
    }
  }
}
