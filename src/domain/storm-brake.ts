import type { SafekeeperId, TenantTimelineId } from './ids.ts';
import { formatTenantTimelineId } from './ids.ts';

/** A replica that is lost now, and since when. */
export interface LostReplica extends TenantTimelineId {
  readonly safekeeperId: SafekeeperId;
  /** Monotonic milliseconds. */
  readonly sinceMs: number;
}

/** What the brake looks at: the cluster as the last inventory saw it (rule R20). */
export interface StormInput {
  readonly safekeeperCount: number;
  readonly unreachableCount: number;
  readonly timelineCount: number;
  /** However long ago: a storm is not over because time went by, only when its replicas are back. */
  readonly lost: readonly LostReplica[];
  readonly gracePeriodMs: number;
  /** A part of the safekeepers, from 0 to 1. */
  readonly maxUnavailable: number;
  /** A part of the timelines, from 0 to 1. */
  readonly maxLost: number;
}

/** Why no recovery may start now, or undefined. One safekeeper that lost everything is the normal case and no storm. */
export function stormBrake(input: StormInput): string | undefined {
  if (input.unreachableCount > input.safekeeperCount * input.maxUnavailable) {
    return `${input.unreachableCount} of ${input.safekeeperCount} safekeepers do not answer: no recovery is started until they are back.`;
  }
  const lost = [...input.lost].sort((a, b) => a.sinceMs - b.sinceMs);
  const safekeepers = new Counter();
  const timelines = new Counter();
  let first = 0;
  for (const replica of lost) {
    safekeepers.add(String(replica.safekeeperId));
    timelines.add(formatTenantTimelineId(replica));
    for (
      let oldest = lost[first];
      oldest && replica.sinceMs - oldest.sinceMs > input.gracePeriodMs;
      oldest = lost[++first]
    ) {
      safekeepers.remove(String(oldest.safekeeperId));
      timelines.remove(formatTenantTimelineId(oldest));
    }
    if (safekeepers.size > 1 && timelines.size > input.timelineCount * input.maxLost) {
      return `${timelines.size} timelines lost replicas on ${safekeepers.size} safekeepers at once: no recovery is started; check the safekeepers and their storage, then raise spec.recovery.maxLost to go on.`;
    }
  }
  return undefined;
}

/** How many different keys are in a moving window. */
class Counter {
  private readonly counts = new Map<string, number>();

  get size(): number {
    return this.counts.size;
  }

  add(key: string): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + 1);
  }

  remove(key: string): void {
    const count = (this.counts.get(key) ?? 0) - 1;
    if (count > 0) this.counts.set(key, count);
    else this.counts.delete(key);
  }
}
