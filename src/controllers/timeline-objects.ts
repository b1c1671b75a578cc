import type { SafekeeperTimeline } from '../api/resources.ts';
import type { SafekeeperTimelineStatus } from '../api/timeline-status.ts';
import { keyOf, type ObjectKey } from '../kube/object.ts';
import type { StatusWriter } from '../kube/status-writer.ts';
import type { IndexFunction, Store } from '../kube/store.ts';

export type TimelineIndex = 'identity' | 'cluster';

type Listed = Pick<Store<SafekeeperTimeline, TimelineIndex>, 'get' | 'byIndex'>;
type Reader = (timeline: SafekeeperTimeline, signal: AbortSignal) => Promise<SafekeeperTimeline>;
type Writer = Pick<StatusWriter<SafekeeperTimelineStatus, SafekeeperTimeline>, 'write'>;

/** Of all clusters together; a status is some 3 KiB. */
const KEPT_COUNT_MAX = 10_000;

/**
 * All SafekeeperTimelines that are looked after: those of the API server, and those kept in memory for clusters that want
 * timelines healed without an object (`timelines: None`). A kept one is treated like any other, but its status is
 * written here and nobody else sees it. An object of the API server for the same timeline takes its place at once.
 */
export class TimelineObjects {
  private readonly listed: Listed;
  private readonly indexes: Readonly<Record<TimelineIndex, IndexFunction<SafekeeperTimeline>>>;
  private readonly kept = new Map<ObjectKey, SafekeeperTimeline>();
  /** Index and value to keys. */
  private readonly keptBy = new Map<string, Set<ObjectKey>>();

  constructor(listed: Listed, indexes: Readonly<Record<TimelineIndex, IndexFunction<SafekeeperTimeline>>>) {
    this.listed = listed;
    this.indexes = indexes;
  }

  get(key: ObjectKey): SafekeeperTimeline | undefined {
    const kept = this.kept.get(key);
    return this.listed.get(key) ?? (kept === undefined || this.isReplaced(kept) ? undefined : kept);
  }

  /** In no particular order. */
  byIndex(name: TimelineIndex, value: string): readonly SafekeeperTimeline[] {
    const kept = this.keptUnder(name, value).filter((timeline) => !this.isReplaced(timeline));
    return kept.length === 0 ? this.listed.byIndex(name, value) : [...this.listed.byIndex(name, value), ...kept];
  }

  /** Those in memory alone, also when an object has taken their place. */
  keptUnder(name: TimelineIndex, value: string): readonly SafekeeperTimeline[] {
    return [...(this.keptBy.get(indexKey(name, value)) ?? [])].flatMap((key) => this.kept.get(key) ?? []);
  }

  /** Those listed, and those in memory that none of them stands for. */
  *values(listed: Iterable<SafekeeperTimeline>): Generator<SafekeeperTimeline> {
    yield* listed;
    for (const kept of this.kept.values()) if (!this.isReplaced(kept)) yield kept;
  }

  /** False when there are too many already. */
  keep(timeline: SafekeeperTimeline): boolean {
    const key = keyOf(timeline);
    if (this.kept.size >= KEPT_COUNT_MAX && !this.kept.has(key)) return false;
    this.kept.set(key, timeline);
    for (const entry of this.entriesOf(timeline)) {
      const keys = this.keptBy.get(entry);
      if (keys === undefined) this.keptBy.set(entry, new Set([key]));
      else keys.add(key);
    }
    return true;
  }

  drop(timeline: SafekeeperTimeline): void {
    const key = keyOf(timeline);
    this.kept.delete(key);
    for (const entry of this.entriesOf(timeline)) {
      const keys = this.keptBy.get(entry);
      keys?.delete(key);
      if (keys?.size === 0) this.keptBy.delete(entry);
    }
  }

  /** Writes statuses to where their objects are. */
  writer(toApiServer: Writer): Writer {
    return {
      write: async (timeline, status, signal) => {
        if (!isKept(timeline)) return await toApiServer.write(timeline, status, signal);
        const key = keyOf(timeline);
        // It may have been dropped while it was looked at.
        if (!this.kept.has(key)) return { kind: 'Unchanged' };
        const object = { ...timeline, status };
        this.kept.set(key, object);
        return { kind: 'Written', object };
      },
    };
  }

  /** Reads objects from where they are. One that was dropped meanwhile has no status any more. */
  reader(fromApiServer: Reader): Reader {
    return async (timeline, signal) => {
      if (!isKept(timeline)) return await fromApiServer(timeline, signal);
      const { status: _status, ...dropped } = timeline;
      return this.get(keyOf(timeline)) ?? dropped;
    };
  }

  private isReplaced(kept: SafekeeperTimeline): boolean {
    return this.indexes.identity(kept).some((identity) => this.listed.byIndex('identity', identity).length > 0);
  }

  private entriesOf(timeline: SafekeeperTimeline): string[] {
    const names: readonly TimelineIndex[] = ['identity', 'cluster'];
    return names.flatMap((name) => this.indexes[name](timeline).map((value) => indexKey(name, value)));
  }
}

/** Only the API server gives uids. */
export function isKept({ metadata }: SafekeeperTimeline): boolean {
  return metadata.uid === undefined;
}

function indexKey(name: TimelineIndex, value: string): string {
  return `${name} ${value}`;
}
