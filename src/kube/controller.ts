import { setMaxListeners } from 'node:events';
import { assert, assertNever } from '../base/assert.ts';
import { startDeadline } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import type { RuntimeMetrics } from '../observability/metrics.ts';
import { aborted, untilAborted } from './abort.ts';
import { isApiError, KubeApiError } from './api-error.ts';
import type { ObjectKey } from './object.ts';
import { LANES, type Priority, type QueueObserver, WorkQueue } from './queue.ts';
import type { Runtime } from './runtime.ts';
import type { Source } from './source.ts';

/** `Done`: nothing to do until a source says so. */
export type ReconcileResult = { readonly kind: 'Done' } | { readonly kind: 'RequeueAfter'; readonly delayMs: number };

/**
 * Brings the world closer to what the object named by `key` asks for. Level-triggered: it reads what is there now and
 * never learns why it was called. What it throws is logged and tried again with backoff; it must end soon after its
 * signal is aborted.
 */
export type Reconcile = (key: ObjectKey, signal: AbortSignal) => Promise<ReconcileResult>;

export interface ControllerOptions {
  readonly name: string;
  readonly runtime: Runtime;
  readonly sources: readonly Source[];
  readonly reconcile: Reconcile;
  readonly workerCount: number;
  /** For one reconcile. */
  readonly reconcileTimeoutMs: number;
  /** A failing key is tried again at least so often; otherwise see {@link WorkQueue.retry}. */
  readonly retryDelayMaxMs?: number;
  /** How long the start waits for the sources' first lists. */
  readonly syncTimeoutMs?: number;
  /** How long a stop lets running reconciles finish. */
  readonly drainTimeoutMs?: number;
}

const SYNC_TIMEOUT_MS = 120_000;
const DRAIN_TIMEOUT_MS = 20_000;

/** Workers over one queue of keys that several sources fill. */
export class Controller {
  private readonly options: ControllerOptions;
  private readonly runtime: Runtime;
  private readonly queue: WorkQueue<ObjectKey>;

  constructor(options: ControllerOptions) {
    assert(options.workerCount >= 1, 'workerCount >= 1');
    this.options = options;
    this.runtime = options.runtime;
    this.queue = new WorkQueue({
      clock: options.runtime.clock,
      observer: queueMetrics(options.name, options.runtime.metrics),
      // A quarter of the workers stays free for keys that did not fail.
      retryConcurrencyMax: Math.max(1, Math.floor((options.workerCount * 3) / 4)),
      ...(options.retryDelayMaxMs === undefined ? {} : { retryDelayMaxMs: options.retryDelayMaxMs }),
    });
  }

  /** Asks for a reconcile from outside the sources. */
  enqueue(key: ObjectKey, priority: Priority): void {
    this.queue.add(key, priority);
  }

  /**
   * Waits until the sources are in sync, then reconciles. An aborted `drain` ends it in order: no new keys, running
   * reconciles may finish for `drainTimeoutMs`. An aborted `signal` (a lost lease) aborts them at once. Throws a
   * Failure `CacheSyncTimeout` when the sources do not get in sync. Call once.
   */
  async run(drain: AbortSignal, signal: AbortSignal): Promise<void> {
    const stop = AbortSignal.any([drain, signal]);
    try {
      await this.waitForSync(stop);
    } catch (error) {
      if (stop.aborted) return;
      throw error;
    }
    const hardStop = new AbortController();
    // Every worker waits with it.
    setMaxListeners(0, hardStop.signal);
    const workers = Promise.all(Array.from({ length: this.options.workerCount }, () => this.work(hardStop.signal)));
    const subscriptions = this.options.sources.map((source) =>
      source.start((key, priority) => this.queue.add(key, priority)),
    );
    await Promise.race([aborted(stop), workers]);
    for (const subscription of subscriptions) subscription[Symbol.dispose]();
    this.queue.shutdown();
    await this.drain(workers, hardStop, signal);
  }

  private async waitForSync(stop: AbortSignal): Promise<void> {
    const { name, sources, syncTimeoutMs = SYNC_TIMEOUT_MS } = this.options;
    using deadline = startDeadline(syncTimeoutMs, `the first list of controller ${name}`, stop);
    try {
      await untilAborted(Promise.all(sources.map((source) => source.waitForSync())), deadline.signal);
    } catch (cause) {
      if (stop.aborted) throw cause;
      throw new Failure('CacheSyncTimeout', `controller ${name} could not list what it watches`, { cause });
    }
  }

  private async drain(workers: Promise<unknown>, hardStop: AbortController, signal: AbortSignal): Promise<void> {
    const { drainTimeoutMs = DRAIN_TIMEOUT_MS, name } = this.options;
    const stopReason = new Failure('ShuttingDown', `controller ${name} is stopping`);
    using patience = startDeadline(drainTimeoutMs, `the drain of controller ${name}`, signal);
    await untilAborted(workers, patience.signal).catch(() => hardStop.abort(stopReason));
    await workers;
  }

  private async work(hardStop: AbortSignal): Promise<void> {
    for (;;) {
      const key = await this.queue.take(hardStop).catch(() => undefined);
      if (key === undefined) return;
      const { activeWorkers } = this.runtime.metrics;
      activeWorkers.inc({ controller: this.options.name });
      try {
        await this.reconcileOnce(key, hardStop);
      } finally {
        activeWorkers.dec({ controller: this.options.name });
        this.queue.done(key);
      }
    }
  }

  private async reconcileOnce(key: ObjectKey, hardStop: AbortSignal): Promise<void> {
    const { name, reconcile, reconcileTimeoutMs } = this.options;
    const { clock, metrics } = this.runtime;
    const startedMs = clock.monotonicMs();
    using deadline = startDeadline(reconcileTimeoutMs, `the reconcile of ${key}`, hardStop);
    let result: string;
    try {
      result = this.settle(key, await reconcile(key, deadline.signal));
    } catch (error) {
      result = hardStop.aborted ? 'aborted' : this.fail(key, error);
    }
    metrics.reconciles.inc({ controller: name, result });
    metrics.reconcileSeconds.observe({ controller: name }, (clock.monotonicMs() - startedMs) / 1_000);
  }

  private settle(key: ObjectKey, result: ReconcileResult): string {
    this.queue.forget(key);
    switch (result.kind) {
      case 'Done':
        return 'done';
      case 'RequeueAfter':
        this.queue.addAfter(key, result.delayMs, 'routine');
        return 'requeue_after';
      default:
        return assertNever(result);
    }
  }

  private fail(key: ObjectKey, error: unknown): string {
    const { log, metrics } = this.runtime;
    const { name } = this.options;
    const delayMinMs = error instanceof KubeApiError ? error.retryAfterMs : undefined;
    this.queue.retry(key, delayMinMs);
    metrics.queueRetries.inc({ name });
    const reason = error instanceof Failure ? error.reason : 'InternalError';
    const fields = {
      controller: name,
      key,
      reason,
      failures: this.queue.failureCount(key),
      error: describeError(error),
    };
    if (isApiError(error, 'Conflict')) {
      // Decided on a stale cache: the newer version is on its way.
      log.debug(fields, 'Reconcile met a conflict');
      return 'conflict';
    }
    const stack = error instanceof Failure || !(error instanceof Error) ? {} : { stack: error.stack };
    log.warn({ ...fields, ...stack }, 'Reconcile failed');
    return 'error';
  }
}

function queueMetrics(name: string, metrics: RuntimeMetrics): QueueObserver {
  for (const priority of LANES) metrics.queueDepth.set({ name, priority }, 0);
  return {
    depthChanged: (priority, depth) => metrics.queueDepth.set({ name, priority }, depth),
    queued: () => metrics.queueAdds.inc({ name }),
    taken: (waitedMs) => metrics.queueWaitSeconds.observe({ name }, waitedMs / 1_000),
  };
}
