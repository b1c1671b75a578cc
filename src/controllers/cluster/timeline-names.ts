import { formatTenantTimelineId, type TenantTimelineId } from '../../domain/ids.ts';

/** A timeline, and the key of every map of timelines: `tenant/timeline`. */
export interface TimelineName extends TenantTimelineId {
  readonly key: string;
}

interface MarkedName extends TimelineName {
  /** The last list that was found to have it. */
  mark: number;
}

/** Names that are in no list any more may be as many as those that are, and so many more, before they are dropped. */
const UNUSED_MIN = 1_000;

/**
 * Keeps one copy of each timeline's name, however many safekeepers list it scan after scan: a scan that finds nothing new
 * leaves nothing behind.
 */
export class TimelineNames {
  private names = new Map<string, MarkedName>();
  private lists = 0;

  intern({ tenantId, timelineId }: TenantTimelineId): TimelineName {
    const key = formatTenantTimelineId({ tenantId, timelineId });
    const seen = this.names.get(key);
    if (seen !== undefined) return seen;
    const name: MarkedName = { key, tenantId, timelineId, mark: 0 };
    this.names.set(key, name);
    return name;
  }

  /** A whole list by key; `before` itself when that has exactly the same. Safekeepers list in no stable order. */
  toMap(
    list: readonly TimelineName[],
    before: ReadonlyMap<string, TenantTimelineId> | undefined,
  ): ReadonlyMap<string, TenantTimelineId> {
    const mark = ++this.lists;
    let distinctCount = 0;
    let isKnown = before !== undefined;
    for (const name of list as readonly MarkedName[]) {
      if (name.mark === mark) continue;
      name.mark = mark;
      distinctCount++;
      isKnown &&= before?.has(name.key) === true;
    }
    if (isKnown && before?.size === distinctCount) return before;
    return new Map(list.map((name) => [name.key, name]));
  }

  /** Drops what is not in `used`, now and then. */
  keepOnly(used: ReadonlyMap<string, unknown>): void {
    if (this.names.size <= 2 * used.size + UNUSED_MIN) return;
    this.names = new Map([...this.names].filter(([key]) => used.has(key)));
  }
}
