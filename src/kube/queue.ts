import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { DelayHeap } from './delay-heap.ts';
import { Line } from './line.ts';

/** `user`: somebody changed something just now. `routine`: lists and periodic work. */
export type Priority = 'user' | 'routine';

/** Keys that failed last time wait in a lane of their own, behind the others. */
export type Lane = Priority | 'retry';

export const LANES: readonly Lane[] = ['user', 'routine', 'retry'];

/** Told of what happens, for metrics. */
export interface QueueObserver {
  depthChanged(lane: Lane, depth: number): void;
  queued(lane: Lane): void;
  taken(waitedMs: number): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly observer?: QueueObserver;
  /** How many keys of the retry lane may be processed at once: less than the workers, so that healthy keys find one. */
  readonly retryConcurrencyMax: number;
  /** The longest backoff; 1000 s unless given. */
  readonly retryDelayMaxMs?: number;
}

const RETRY_INITIAL_MS = 5;
const RETRY_CAP_MS = 1_000_000;
/** One take in so many serves the key that waited longest, or a flood of user changes would starve the other lanes. */
const FAIR_TURN = 8;

/**
 * The keys that need a reconcile. A key is in it once and is never processed twice at the same time: added while it
 * is processed, it comes again afterwards. A reconcile answers every earlier request, so taking a key also drops its
 * delayed add. Workers outside call `take`, then `done`, and `forget` or `retry` in between.
 */
export class WorkQueue<Key extends string> {
  private readonly clock: Clock;
  private readonly observer: QueueObserver | undefined;
  private readonly retryConcurrencyMax: number;
  private readonly retryDelayMaxMs: number;
  private readonly lines: Readonly<Record<Lane, Line<Key>>> = {
    user: new Line(),
    routine: new Line(),
    retry: new Line(),
  };
  private readonly processing = new Map<Key, { readonly lane: Lane; again: Lane | undefined }>();
  private readonly delayed = new DelayHeap<Key>();
  private readonly delayedLane = new Map<Key, Lane>();
  private readonly failures = new Map<Key, number>();
  private readonly takers: Array<(key: Key | undefined) => void> = [];
  private alarm: { readonly atMs: number; readonly controller: AbortController } | undefined;
  private retriesInProcess = 0;
  private takes = 0;
  private closed = false;

  constructor(options: WorkQueueOptions) {
    assert(options.retryConcurrencyMax >= 1, 'retryConcurrencyMax >= 1');
    this.clock = options.clock;
    this.observer = options.observer;
    this.retryConcurrencyMax = options.retryConcurrencyMax;
    this.retryDelayMaxMs = options.retryDelayMaxMs ?? RETRY_CAP_MS;
  }

  /** Keys that wait for a worker; delayed ones are not among them. */
  get depth(): number {
    return LANES.reduce((sum, lane) => sum + this.lines[lane].size, 0);
  }

  add(key: Key, priority: Priority): void {
    this.enqueue(key, priority);
  }

  /** Adds the key after a while; of several such requests the earliest counts. */
  addAfter(key: Key, delayMs: number, priority: Priority): void {
    this.delay(key, delayMs, priority);
  }

  /** Adds the key after its backoff, 5 ms doubling to `retryDelayMaxMs`, or after `delayMinMs` when that is longer. */
  retry(key: Key, delayMinMs = 0): void {
    const failureCount = this.failures.get(key) ?? 0;
    this.failures.set(key, failureCount + 1);
    this.delay(
      key,
      Math.max(delayMinMs, Math.min(RETRY_INITIAL_MS * 2 ** failureCount, this.retryDelayMaxMs)),
      'retry',
    );
  }

  /** The key is healthy again: its next failure backs off from the start. */
  forget(key: Key): void {
    this.failures.delete(key);
  }

  failureCount(key: Key): number {
    return this.failures.get(key) ?? 0;
  }

  /** Waits for a key. Undefined after `shutdown`. */
  async take(signal: AbortSignal): Promise<Key | undefined> {
    signal.throwIfAborted();
    if (this.closed) return undefined;
    const ready = this.takeReady();
    if (ready !== undefined) return ready;
    return await new Promise((resolve, reject) => {
      const onKey = (key: Key | undefined) => {
        signal.removeEventListener('abort', onAbort);
        resolve(key);
      };
      const onAbort = () => {
        const at = this.takers.indexOf(onKey);
        if (at >= 0) this.takers.splice(at, 1);
        reject(signal.reason as Error);
      };
      this.takers.push(onKey);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Ends what `take` began. */
  done(key: Key): void {
    const process = this.processing.get(key);
    assert(process !== undefined, 'only a taken key can be done');
    this.processing.delete(key);
    if (process.lane === 'retry') this.retriesInProcess--;
    if (process.again !== undefined) this.enqueue(key, process.again);
    this.serve();
  }

  /** Hands out nothing more. Keys in process may still be done. */
  shutdown(): void {
    this.closed = true;
    this.alarm?.controller.abort();
    for (const taker of this.takers.splice(0)) taker(undefined);
  }

  private enqueue(key: Key, lane: Lane): void {
    if (this.closed) return;
    const process = this.processing.get(key);
    if (process !== undefined) {
      process.again = process.again === undefined ? lane : higher(process.again, lane);
      return;
    }
    const current = LANES.find((candidate) => this.lines[candidate].has(key));
    if (current !== undefined && higher(current, lane) === current) return;
    const sinceMs = current === undefined ? undefined : this.lines[current].remove(key);
    this.lines[lane].push(key, sinceMs ?? this.clock.monotonicMs());
    if (current === undefined) this.observer?.queued(lane);
    else this.observer?.depthChanged(current, this.lines[current].size);
    this.observer?.depthChanged(lane, this.lines[lane].size);
    this.serve();
  }

  private serve(): void {
    while (this.takers.length > 0) {
      const key = this.takeReady();
      if (key === undefined) return;
      this.takers.shift()?.(key);
    }
  }

  private takeReady(): Key | undefined {
    const lane = this.chooseLane();
    const head = lane === undefined ? undefined : this.lines[lane].head();
    if (lane === undefined || head === undefined) return undefined;
    const { key, sinceMs } = head;
    this.lines[lane].remove(key);
    this.dropDelayed(key);
    this.processing.set(key, { lane, again: undefined });
    if (lane === 'retry') this.retriesInProcess++;
    this.observer?.depthChanged(lane, this.lines[lane].size);
    this.observer?.taken(this.clock.monotonicMs() - sinceMs);
    return key;
  }

  private chooseLane(): Lane | undefined {
    const open = LANES.filter(
      (lane) => this.lines[lane].size > 0 && (lane !== 'retry' || this.retriesInProcess < this.retryConcurrencyMax),
    );
    if (open.length > 1 && this.takes++ % FAIR_TURN === FAIR_TURN - 1) {
      return open.reduce((longest, lane) => (this.waitingSince(lane) < this.waitingSince(longest) ? lane : longest));
    }
    return open[0];
  }

  private waitingSince(lane: Lane): number {
    return this.lines[lane].head()?.sinceMs ?? Number.POSITIVE_INFINITY;
  }

  private delay(key: Key, delayMs: number, lane: Lane): void {
    if (this.closed) return;
    const before = this.delayedLane.get(key);
    this.delayedLane.set(key, before === undefined ? lane : higher(before, lane));
    this.delayed.addEarliest(key, this.clock.monotonicMs() + delayMs);
    this.setAlarm();
  }

  private dropDelayed(key: Key): void {
    if (this.delayedLane.delete(key)) this.delayed.delete(key);
  }

  /** One sleep for all delayed keys, until the earliest. */
  private setAlarm(): void {
    const atMs = this.delayed.peek()?.atMs;
    if (atMs === undefined || (this.alarm !== undefined && this.alarm.atMs <= atMs)) return;
    this.alarm?.controller.abort();
    const controller = new AbortController();
    this.alarm = { atMs, controller };
    const ring = () => {
      this.alarm = undefined;
      this.releaseDue();
      this.setAlarm();
    };
    this.clock.sleep(Math.max(0, atMs - this.clock.monotonicMs()), controller.signal).then(ring, () => undefined);
  }

  private releaseDue(): void {
    const nowMs = this.clock.monotonicMs();
    for (let due = this.delayed.peek(); due !== undefined && due.atMs <= nowMs; due = this.delayed.peek()) {
      const lane = this.delayedLane.get(due.key) ?? 'routine';
      this.dropDelayed(due.key);
      this.enqueue(due.key, lane);
    }
  }
}

function higher(a: Lane, b: Lane): Lane {
  return LANES.indexOf(a) <= LANES.indexOf(b) ? a : b;
}
