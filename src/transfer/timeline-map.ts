import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { describeError } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { shareDirectorySyncs } from '../disk/shared-directory-syncs.ts';
import { createTempDirectory, sweepTempDirectories, type TempDirectory } from '../disk/temp-directory.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import type { Generation } from '../domain/membership.ts';
import { loadTimelines, syncNames, type UnloadedTimeline } from './load-timelines.ts';
import type { Timeline } from './timeline.ts';
import { Tombstones } from './tombstones.ts';
import { TransferMemory } from './transfer-memory.ts';
import {
  creationInProgress,
  deletionInProgress,
  timelineDeleted,
  timelineNotFound,
  timelineNotFoundDeleted,
} from './transfer-failure.ts';

export interface TimelineMapOptions {
  readonly files: FileSystem;
  /** Its pid lock must be held. */
  readonly dataDirectory: string;
  /** This safekeeper's own id. */
  readonly safekeeperId: SafekeeperId;
  readonly clock: Clock;
  /** Letters and digits, different at each call: the middle of a temp directory's name. */
  readonly random: () => string;
  readonly log: Logger;
}

export type TimelineLookup =
  | { readonly kind: 'Present'; readonly timeline: Timeline }
  | { readonly kind: 'CreationInProgress' }
  | { readonly kind: 'Deleted' }
  | { readonly kind: 'NotFound' };

/** Whether tombstones stand in the way of a creation: of an exclusion only up to its generation. */
export interface TombstoneRule {
  /** Of the configuration that the timeline is created with, if there is one. */
  readonly generation: Generation | undefined;
  readonly ignore: boolean;
}

/** The exclusive right to bring one timeline into being, until disposed. */
export interface CreationMark extends Disposable {
  readonly id: TenantTimelineId;
  /** Makes the installed timeline visible to everybody. */
  publish(timeline: Timeline): void;
}

/** The exclusive right to remove one timeline, until disposed. */
export interface DeletionMark extends Disposable {
  readonly timeline: Timeline | undefined;
  /** The timeline is no longer found from here on. */
  unpublish(): void;
}

export type CreationClaim =
  | { readonly kind: 'Marked'; readonly mark: CreationMark }
  | { readonly kind: 'AlreadyExists'; readonly timeline: Timeline };

/**
 * All timelines of one data directory. Lookups and marks are synchronous, so no two callers can both find a timeline
 * absent and create it. Whoever holds a mark is the only one to touch that timeline's live directory.
 */
export class TimelineMap {
  readonly files: FileSystem;
  readonly dataDirectory: string;
  readonly safekeeperId: SafekeeperId;
  readonly clock: Clock;
  readonly log: Logger;
  private readonly random: () => string;
  readonly tombstones: Tombstones;
  readonly memory = new TransferMemory();
  /** What was on disk at start and could not be loaded. Nothing overwrites it as long as it is there. */
  readonly unloaded: readonly UnloadedTimeline[];
  private readonly timelines = new Map<string, Timeline>();
  private readonly marks = new Map<string, 'Creation' | 'Deletion'>();

  private constructor(
    options: TimelineMapOptions,
    tombstones: Tombstones,
    loaded: readonly Timeline[],
    unloaded: readonly UnloadedTimeline[],
  ) {
    this.files = options.files;
    this.dataDirectory = options.dataDirectory;
    this.safekeeperId = options.safekeeperId;
    this.clock = options.clock;
    this.random = options.random;
    this.log = options.log;
    this.tombstones = tombstones;
    this.unloaded = unloaded;
    for (const timeline of loaded) this.timelines.set(formatTenantTimelineId(timeline.id), timeline);
  }

  /**
   * Sweeps temp directories and loads every timeline of the data directory. One that cannot be loaded is logged and
   * remembered; only a data directory that cannot be read at all throws a Failure: `DataDirectoryMissing`,
   * `TombstonesUnreadable`, `DiskFull` or `DiskFailed`.
   */
  static async open(options: TimelineMapOptions, signal: AbortSignal): Promise<TimelineMap> {
    const files = shareDirectorySyncs(options.files);
    const { dataDirectory, clock, log } = options;
    return await explainDiskFailures('the data directory cannot be loaded', async () => {
      await syncNames(files, dataDirectory);
      const swept = await sweepTempDirectories(files, dataDirectory);
      if (swept > 0) log.info({ directories: swept }, 'removed what interrupted pulls left behind');
      const tombstones = await Tombstones.open(files, dataDirectory, clock);
      const { loaded, unloaded } = await loadTimelines(files, dataDirectory, log, signal);
      return new TimelineMap({ ...options, files }, tombstones, loaded, unloaded);
    });
  }

  /** The loaded timelines, without those being created. */
  list(): Timeline[] {
    return [...this.timelines.values()];
  }

  find(id: TenantTimelineId): TimelineLookup {
    const key = formatTenantTimelineId(id);
    const timeline = this.timelines.get(key);
    if (timeline !== undefined) return { kind: 'Present', timeline };
    if (this.marks.get(key) === 'Creation') return { kind: 'CreationInProgress' };
    return this.tombstones.blocks(id, undefined) ? { kind: 'Deleted' } : { kind: 'NotFound' };
  }

  /** Throws a Failure `TimelineNotFound` or `CreationInProgress`. */
  get(id: TenantTimelineId): Timeline {
    const lookup = this.find(id);
    switch (lookup.kind) {
      case 'Present':
        return lookup.timeline;
      case 'CreationInProgress':
        throw creationInProgress(id);
      case 'Deleted':
        throw timelineNotFoundDeleted(id);
      case 'NotFound':
        throw timelineNotFound(id);
    }
  }

  /** The live directory of a timeline, whether it exists or not. */
  directoryOf(id: TenantTimelineId): string {
    return join(this.dataDirectory, id.tenantId, id.timelineId);
  }

  /** A directory for files of one timeline, gone when disposed; see {@link createTempDirectory}. */
  createTempDirectory({ tenantId, timelineId }: TenantTimelineId): Promise<TempDirectory> {
    const name = `${tenantId}_${timelineId}_${this.random()}`;
    return createTempDirectory(this.files, this.dataDirectory, name, (path, error) =>
      this.log.error({ path, problem: describeError(error) }, 'a temp directory stays until the next start'),
    );
  }

  /** Throws a Failure `TimelineDeleted`, `CreationInProgress` or `DeletionInProgress`. */
  markCreation(id: TenantTimelineId, rule: TombstoneRule): CreationClaim {
    const key = formatTenantTimelineId(id);
    const existing = this.timelines.get(key);
    if (existing !== undefined && !this.marks.has(key)) return { kind: 'AlreadyExists', timeline: existing };
    if (!rule.ignore && this.tombstones.blocks(id, rule.generation)) throw timelineDeleted(id);
    const unmark = this.mark(id, 'Creation');
    const publish = (timeline: Timeline) => void this.timelines.set(key, timeline);
    return { kind: 'Marked', mark: { id, publish, [Symbol.dispose]: unmark } };
  }

  /** Throws a Failure `CreationInProgress` or `DeletionInProgress`. */
  markDeletion(id: TenantTimelineId): DeletionMark {
    const unmark = this.mark(id, 'Deletion');
    const key = formatTenantTimelineId(id);
    const unpublish = () => void this.timelines.delete(key);
    return { timeline: this.timelines.get(key), unpublish, [Symbol.dispose]: unmark };
  }

  private mark(id: TenantTimelineId, purpose: 'Creation' | 'Deletion'): () => void {
    const key = formatTenantTimelineId(id);
    const running = this.marks.get(key);
    if (running === 'Creation') throw creationInProgress(id);
    if (running === 'Deletion') throw deletionInProgress(id);
    this.marks.set(key, purpose);
    return () => void this.marks.delete(key);
  }
}
