import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mapBounded, Semaphore } from '../../src/base/concurrency.ts';

const never = new AbortController().signal;
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('mapBounded', () => {
  test('keeps the order and never runs more than it may, but as many as it may', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (items, max) => {
          let running = 0;
          let peak = 0;
          const outputs = await mapBounded(items, max, async (turns, index) => {
            peak = Math.max(peak, ++running);
            for (let left = turns; left >= 0; left--) await turn();
            running--;
            return `${index}:${turns}`;
          });
          expect(outputs).toEqual(items.map((turns, index) => `${index}:${turns}`));
          expect(peak).toBe(Math.min(max, items.length));
        },
      ),
      { numRuns: 30 },
    );
  });

  test('after a failure begins nothing more, waits for what runs, and throws the first', async () => {
    const begun: number[] = [];
    const ended: number[] = [];
    const work = async (item: number) => {
      begun.push(item);
      await turn();
      if (item === 1) throw new Error('first');
      await turn();
      ended.push(item);
      if (item === 2) throw new Error('second');
    };
    await expect(mapBounded([1, 2, 3, 4, 5], 3, work)).rejects.toThrow('first');
    expect(begun).toEqual([1, 2, 3]);
    expect(ended).toEqual([2, 3]);
  });
});

describe('Semaphore', () => {
  test('hands permits out first come, first served; a released permit is not released twice', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire(never);
    expect(semaphore.tryAcquire()).toBeUndefined();
    const order: string[] = [];
    const waiting = ['a', 'b'].map(async (name) => {
      using _ = await semaphore.acquire(never);
      order.push(name);
    });
    held[Symbol.dispose]();
    held[Symbol.dispose]();
    await Promise.all(waiting);
    expect(order).toEqual(['a', 'b']);
    using last = semaphore.tryAcquire();
    expect(last).toBeDefined();
    expect(semaphore.tryAcquire()).toBeUndefined();
  });

  test('whoever is aborted leaves the queue and takes no permit along', async () => {
    const semaphore = new Semaphore(1);
    const held = await semaphore.acquire(never);
    const controller = new AbortController();
    const aborted = semaphore.acquire(controller.signal);
    const next = semaphore.acquire(never);
    controller.abort(new Error('gone'));
    await expect(aborted).rejects.toThrow('gone');
    await expect(semaphore.acquire(controller.signal)).rejects.toThrow('gone');
    held[Symbol.dispose]();
    (await next)[Symbol.dispose]();
    expect(semaphore.tryAcquire()).toBeDefined();
  });
});
