import { assert } from './assert.ts';

/**
 * Runs `work` over all items with at most `concurrencyMax` at once; results keep the items' order. After a failure no
 * more items are begun, and it is thrown when those that were begun have ended.
 */
export async function mapBounded<Item, Output>(
  items: readonly Item[],
  concurrencyMax: number,
  work: (item: Item, index: number) => Promise<Output>,
): Promise<Output[]> {
  assert(concurrencyMax >= 1, 'concurrencyMax >= 1');
  const outputs: Output[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const worker = async () => {
    while (next < items.length && failures.length === 0) {
      const index = next++;
      try {
        outputs[index] = await work(items[index] as Item, index);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrencyMax, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return outputs;
}

/** A counting semaphore: first come, first served; a waiter that is aborted leaves the queue. */
export class Semaphore {
  private free: number;
  private readonly waiters: Array<() => void> = [];

  constructor(permits: number) {
    assert(permits >= 1, 'permits >= 1');
    this.free = permits;
  }

  /** Takes a permit at once, or nothing. */
  tryAcquire(): Disposable | undefined {
    if (this.free === 0) return undefined;
    this.free--;
    return this.permit();
  }

  async acquire(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.free > 0) {
      this.free--;
      return this.permit();
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = () => {
        const at = this.waiters.indexOf(onPermit);
        if (at >= 0) this.waiters.splice(at, 1);
        reject(signal.reason as Error);
      };
      const onPermit = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      this.waiters.push(onPermit);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    return this.permit();
  }

  /** A permit is handed straight to the next waiter, so that nobody can overtake the queue. */
  private permit(): Disposable {
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.waiters.shift();
        if (next === undefined) this.free++;
        else next();
      },
    };
  }
}
