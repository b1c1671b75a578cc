import { Semaphore } from '../base/concurrency.ts';
import { startDeadline } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import { formatTenantTimelineId, type SafekeeperId } from '../domain/ids.ts';
import { INVALID_LSN } from '../domain/lsn.ts';
import type { Term } from '../domain/term.ts';
import { Peers } from '../recovery/peers.ts';
import { PeerClient } from '../safekeeper/peer-client.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';
import { Inventory, type KnownTimeline, type TimelineSource } from './inventory.ts';
import type { RestoreSummary, Stop } from './outcome.ts';
import { OwnershipList } from './ownership-list.ts';
import type { RestoreOptions } from './restore.ts';
import { Room } from './room.ts';
import { type Again, TaskQueue } from './task-queue.ts';
import { type RestoreContext, TimelineRestore } from './timeline-restore.ts';

export interface RunOptions extends Omit<RestoreOptions, 'safekeeperId' | 'mode'> {
  readonly map: TimelineMap;
  /** Monotonic ms since when the data directory has been locked. */
  readonly sinceMs: number;
  readonly quarantinedTerms: ReadonlyMap<string, Term>;
}

/** What is known of a timeline that nobody has told of. */
const UNKNOWN = { listedBy: [], isNamed: false, isToldOf: false, flushLsn: INVALID_LSN, peerHorizonLsn: INVALID_LSN };
const RESCAN_FIRST_MS = 1_000;
const RESCAN_MAX_MS = 10_000;

/** One run over a data directory that is locked and loaded: lists what there is, and restores as much as it may at once. */
export class Run {
  private readonly options: RunOptions;
  private readonly inventory: Inventory;
  private readonly queue: TaskQueue<TimelineRestore>;
  private readonly context: RestoreContext;

  constructor(options: RunOptions) {
    const { map, http, peerUrls, clock, perDonorMax, storageController } = options;
    const ownId = map.safekeeperId;
    const peers = new Peers({ urls: peerUrls, ownId, clock, connect: (url) => new PeerClient({ http, url }) });
    const ownership = storageController && new OwnershipList(storageController, ownId, clock);
    const read = options.readList ?? (ownership && ((signal) => ownership.read(signal)));
    const source: TimelineSource = read === undefined ? { kind: 'Peers' } : { kind: 'List', read };
    const permits = new Map<SafekeeperId, Semaphore>();
    this.options = options;
    this.inventory = new Inventory({ source, peers, ownId });
    this.queue = new TaskQueue(clock);
    this.context = {
      ...options,
      peers,
      room: new Room(options.diskUsage, options.dataDirectory),
      readOwnership: async (id, signal) => (ownership === undefined ? 'NotConfigured' : await ownership.of(id, signal)),
      permitsOf: (donor) => {
        const known = permits.get(donor) ?? new Semaphore(perDonorMax);
        permits.set(donor, known);
        return known;
      },
    };
  }

  /** Ends when every timeline has ended, the time is over, or nothing can be written any more. Never throws. */
  async run(signal: AbortSignal): Promise<RestoreSummary> {
    const { timeoutMs, concurrencyMax, clock, tally, transfers, map, sinceMs } = this.options;
    using deadline = startDeadline(timeoutMs, 'restoring everything', signal);
    using scan = startDeadline(timeoutMs, 'looking for timelines', deadline.signal);
    let isOver = false;
    const scanning = this.scan(scan.signal).catch((error: unknown) => {
      if (!isOver) deadline.cancel(asError(error));
    });
    let stopped: Stop | undefined;
    try {
      await this.queue.run(concurrencyMax, (task) => this.step(task, deadline.signal), deadline.signal);
    } catch (error) {
      stopped = toStop(error);
      deadline.cancel(asError(error));
    }
    isOver = true;
    scan.cancel(new Failure('Stopped', 'everything has ended'));
    await scanning;
    return {
      safekeeperId: map.safekeeperId,
      ...tally.counts,
      untried: tally.known - tally.ended,
      unknown: this.inventory.missing,
      stopped,
      bytes: transfers.totals('Pull').bytes,
      durationMs: clock.monotonicMs() - sinceMs,
      lacking: tally.lacking,
    };
  }

  /**
   * Again and again while anybody has not told what there is, or, once that is known, who he is: what waits for him goes on then.
   * What lies on the disk and cannot be loaded is in the way of whatever it is, also when nobody names it.
   */
  private async scan(signal: AbortSignal): Promise<void> {
    const { clock, tally, sinceMs, unknownTimeoutMs, map } = this.options;
    const unloaded = new Set(map.unloaded.map(({ id }) => formatTenantTimelineId(id)));
    this.take(map.unloaded.map(({ id }) => ({ ...id, ...UNKNOWN })));
    for (let pauseMs = RESCAN_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, RESCAN_MAX_MS)) {
      const found = await this.inventory.scan(signal);
      this.take(found.filter((known) => !unloaded.has(formatTenantTimelineId(known))));
      const { missing } = this.inventory;
      tally.silent(missing);
      const isTimeOver = clock.monotonicMs() - sinceMs >= unknownTimeoutMs;
      if (missing.length === 0 || isTimeOver) this.queue.close();
      if (isTimeOver || (missing.length === 0 && this.context.peers.silent.length === 0)) return;
      await clock.sleep(pauseMs, signal);
    }
  }

  private take(found: readonly KnownTimeline[]): void {
    this.options.tally.found(found.length);
    this.queue.add(found.map((known) => new TimelineRestore(this.context, known)));
  }

  private async step(task: TimelineRestore, signal: AbortSignal): Promise<Again> {
    const { tally } = this.options;
    const step = await task.step(signal);
    if (step.kind === 'Later') {
      tally.later(task.known, step.reason, step.message);
      return step.atMs;
    }
    tally.end(task.known, step.outcome);
    return undefined;
  }
}

/** Signals may be aborted with the name of a system signal. */
function asError(error: unknown): Error {
  return error instanceof Error ? error : new Failure('Stopped', describeError(error));
}

function toStop(error: unknown): Stop {
  return { reason: error instanceof Failure ? error.reason : 'Stopped', message: describeError(error) };
}
