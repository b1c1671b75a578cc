import { Semaphore } from '../base/concurrency.ts';
import { startDeadline } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import type { Term } from '../domain/term.ts';
import { Peers } from '../recovery/peers.ts';
import { PeerClient } from '../safekeeper/peer-client.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';
import { Inventory, type TimelineSource } from './inventory.ts';
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
    const scanning = this.scan(deadline.signal).catch((error: unknown) => deadline.cancel(asError(error)));
    let stopped: Stop | undefined;
    try {
      await this.queue.run(concurrencyMax, (task) => this.step(task, deadline.signal), deadline.signal);
    } catch (error) {
      stopped = toStop(error);
      deadline.cancel(asError(error));
    }
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

  /** Again and again while anybody has not told what there is. */
  private async scan(signal: AbortSignal): Promise<void> {
    const { clock, tally, sinceMs, unknownTimeoutMs } = this.options;
    for (let pauseMs = RESCAN_FIRST_MS; ; pauseMs = Math.min(2 * pauseMs, RESCAN_MAX_MS)) {
      const found = await this.inventory.scan(signal);
      tally.found(found.length);
      this.queue.add(found.map((known) => new TimelineRestore(this.context, known)));
      const { missing } = this.inventory;
      tally.silent(missing);
      if (missing.length === 0 || clock.monotonicMs() - sinceMs >= unknownTimeoutMs) break;
      await clock.sleep(pauseMs, signal);
    }
    this.queue.close();
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
