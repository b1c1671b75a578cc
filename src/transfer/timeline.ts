import { join } from 'node:path';
import { Semaphore } from '../base/concurrency.ts';
import { Failure } from '../base/failure.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { writeFileDurably } from '../disk/durable.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { Membership } from '../domain/membership.ts';
import { lastLogTerm, term, type Term } from '../domain/term.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../safekeeper/control-file-codec.ts';
import { generationConflict } from './transfer-failure.ts';

const TERM_MAX = 2n ** 64n - 1n;

export interface TimelineOptions {
  readonly files: FileSystem;
  /** The live directory, `<data>/<tenant>/<timeline>`. */
  readonly directory: string;
  /** As it is on disk. */
  readonly controlFile: ControlFile;
  /** End of the WAL as the WAL itself proves it; of an offloaded timeline the end that it was offloaded at. */
  readonly flushLsn: Lsn;
}

/**
 * One loaded timeline. Nothing here accepts WAL, so the state in memory is the state on disk: a change is visible only
 * once its control file is durable; until then a change throws a Failure `DiskFull` or `DiskFailed`. Changes are serialized
 * by the timeline's lock.
 */
export class Timeline {
  readonly id: TenantTimelineId;
  readonly directory: string;
  readonly flushLsn: Lsn;
  private readonly files: FileSystem;
  private readonly mutex = new Semaphore(1);
  private readonly cancellation = new AbortController();
  private state: ControlFile;
  /** Whether the state is known to be on disk: what was found at the start may only be in the page cache. */
  private isDurable = false;
  private walRemovalHeld = false;

  constructor(options: TimelineOptions) {
    this.id = { tenantId: options.controlFile.tenantId, timelineId: options.controlFile.timelineId };
    this.directory = options.directory;
    this.flushLsn = options.flushLsn;
    this.files = options.files;
    this.state = options.controlFile;
  }

  get controlFile(): ControlFile {
    return this.state;
  }

  /** The API calls it `epoch`. */
  get lastLogTerm(): Term {
    return lastLogTerm(this.state.termHistory, this.flushLsn);
  }

  /** True while a snapshot is being streamed. */
  get walRemovalOnHold(): boolean {
    return this.walRemovalHeld;
  }

  /** Aborted when the timeline is deleted: whatever still reads its files must stop. */
  get cancelled(): AbortSignal {
    return this.cancellation.signal;
  }

  /** Ends everything that still works on this timeline; called once, by its deletion. */
  cancel(reason: Failure): void {
    this.cancellation.abort(reason);
  }

  /** Until the guard is disposed nobody else changes the control file. */
  lock(signal: AbortSignal): Promise<Disposable> {
    return this.mutex.acquire(signal);
  }

  /** Keeps WAL segments from being removed until the guard is disposed. A flag, not a counter: one snapshot at once. */
  holdWalRemoval(): Disposable {
    if (this.walRemovalHeld) throw new Failure('WalRemovalOnHold', 'wal_removal_on_hold is already true');
    this.walRemovalHeld = true;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.walRemovalHeld = false;
        held = false;
      },
    };
  }

  /** Raises the term to `target`, by one when that is undefined. A lower or equal target changes nothing. */
  async bumpTerm(target: Term | undefined, signal: AbortSignal): Promise<{ previous: Term; current: Term }> {
    using _lock = await this.lock(signal);
    const previous = this.state.term;
    if (target === undefined && previous === TERM_MAX) {
      throw new Failure('InvalidTerm', `the term is ${TERM_MAX} and cannot be raised`, { retry: 'never' });
    }
    const current = target ?? term(previous + 1n);
    if (current <= previous) return { previous, current: previous };
    await this.persist({ ...this.state, term: current });
    return { previous, current };
  }

  /** The state is on disk afterwards, so that the copy that a donor sends is as fresh as its status. */
  async checkpoint(signal: AbortSignal): Promise<void> {
    using _lock = await this.lock(signal);
    this.cancellation.signal.throwIfAborted();
    if (!this.isDurable) await this.persist(this.state);
  }

  /**
   * Takes over a configuration of a higher generation. The same generation changes nothing; a lower one is a Failure
   * `GenerationConflict`. Whether this safekeeper is a member is the caller's question.
   */
  async switchMembership(
    next: Membership,
    signal: AbortSignal,
  ): Promise<{ previous: Membership; current: Membership }> {
    using _lock = await this.lock(signal);
    const previous = this.state.membership;
    if (next.generation < previous.generation) {
      throw generationConflict(
        `request to switch into ${next.generation} ignored, current generation ${previous.generation}`,
      );
    }
    if (next.generation === previous.generation) return { previous, current: previous };
    await this.persist({ ...this.state, membership: next });
    return { previous, current: next };
  }

  /** Only under the lock: two writers would share one partial file. */
  private async persist(next: ControlFile): Promise<void> {
    this.cancellation.signal.throwIfAborted();
    const path = join(this.directory, CONTROL_FILE_NAME);
    this.isDurable = false;
    await explainDiskFailures('the control file cannot be written', () =>
      writeFileDurably(this.files, path, encodeControlFile(next)),
    );
    this.state = next;
    this.isDurable = true;
  }
}
