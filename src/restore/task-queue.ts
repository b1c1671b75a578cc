import type { Clock } from '../base/clock.ts';

/** When a task is to be looked at again; undefined: it has ended. */
export type Again = number | undefined;

/** Waits end together in steps of this: thousands of tasks may wait for the same moment. */
const STEP_MS = 250;
const IDLE_MS = 60_000;

/**
 * Tasks in the order in which they were added, at most so many at once. One that has to wait gives its place away and goes
 * before the others when its time has come.
 */
export class TaskQueue<Task> {
  private readonly clock: Clock;
  private readonly ready: Task[] = [];
  private readonly due: Task[] = [];
  private readonly waiting = new Map<number, Task[]>();
  private next = 0;
  private running = 0;
  private isClosed = false;
  private wake: () => void = () => undefined;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Tasks that neither run nor have ended. */
  get pendingCount(): number {
    const waiting = [...this.waiting.values()].reduce((sum, tasks) => sum + tasks.length, 0);
    return this.ready.length - this.next + this.due.length + waiting;
  }

  add(tasks: readonly Task[]): void {
    for (const task of tasks) this.ready.push(task);
    this.wake();
  }

  /** No more tasks will be added. */
  close(): void {
    this.isClosed = true;
    this.wake();
  }

  /**
   * Runs until it is closed and every task has ended. `work` tells when a task is to be run again (monotonic ms). When it
   * throws, or the signal is aborted, no more tasks are begun; the error is thrown when those that run have ended.
   */
  async run(concurrencyMax: number, work: (task: Task) => Promise<Again>, signal: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    const start = async (task: Task) => {
      this.running++;
      try {
        const againMs = await work(task);
        if (againMs !== undefined) this.putOff(task, againMs);
      } catch (error) {
        failures.push(error);
      } finally {
        this.running--;
        this.wake();
      }
    };
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        const placesMax = failures.length === 0 && !signal.aborted ? concurrencyMax : 0;
        while (this.running < placesMax) {
          const task = this.take();
          if (task === undefined) break;
          void start(task);
        }
        if (this.running === 0) {
          if (failures.length > 0) throw failures[0];
          signal.throwIfAborted();
          if (this.isClosed && this.pendingCount === 0) return;
        }
        await this.pause(this.running < placesMax);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  private take(): Task | undefined {
    const nowMs = this.clock.monotonicMs();
    for (const [atMs, tasks] of this.waiting) {
      if (atMs > nowMs) continue;
      this.waiting.delete(atMs);
      this.due.push(...tasks);
    }
    const task = this.due.shift();
    if (task !== undefined) return task;
    return this.next < this.ready.length ? this.ready[this.next++] : undefined;
  }

  private putOff(task: Task, atMs: number): void {
    const stepMs = Math.ceil(atMs / STEP_MS) * STEP_MS;
    const tasks = this.waiting.get(stepMs);
    if (tasks === undefined) this.waiting.set(stepMs, [task]);
    else tasks.push(task);
  }

  /** Until something changes, or the first wait ends if that is of use. */
  private async pause(mayBegin: boolean): Promise<void> {
    const changed = new AbortController();
    this.wake = () => changed.abort();
    const firstMs = mayBegin ? Math.min(...this.waiting.keys()) : Infinity;
    const waitMs = Number.isFinite(firstMs) ? Math.max(0, firstMs - this.clock.monotonicMs()) : IDLE_MS;
    await this.clock.sleep(waitMs, changed.signal).catch(() => undefined);
  }
}
