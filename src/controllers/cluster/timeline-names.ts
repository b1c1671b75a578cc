import { formatTenantTimelineId, type TenantTimelineId } from '../../domain/ids.ts';

/** A timeline, and the key of every map of timelines: `tenant/timeline`. */
export interface TimelineName extends TenantTimelineId {
  readonly key: string;
}

/**
 * Keeps one copy of each timeline's name, however many safekeepers list it scan after scan. What a scan has
 * not shown is forgotten.
 */
export class TimelineNames {
  private current = new Map<string, TimelineName>();
  private previous = new Map<string, TimelineName>();

  /** To be called before every scan. */
  startScan(): void {
    this.previous = this.current;
    this.current = new Map();
  }

  /** To be called after every scan. */
  endScan(): void {
    this.previous = new Map();
  }

  intern(timeline: TenantTimelineId): TimelineName {
    const key = formatTenantTimelineId(timeline);
    const seen = this.current.get(key);
    if (seen !== undefined) return seen;
    const name = this.previous.get(key) ?? { key, tenantId: timeline.tenantId, timelineId: timeline.timelineId };
    this.current.set(name.key, name);
    return name;
  }
}
