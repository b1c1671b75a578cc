import { expect, test } from 'vitest';
import { TaskQueue } from '../../src/restore/task-queue.ts';
import { FakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;

test('tasks run in order, so many at once; one that waits gives its place away and goes first when its time has come', async () => {
  const clock = new FakeClock();
  const queue = new TaskQueue<string>(clock);
  const log: string[] = [];
  const waits = new Map([['a', 1_000]]);
  let running = 0;
  let runningMax = 0;
  const work = async (task: string) => {
    log.push(task);
    runningMax = Math.max(runningMax, ++running);
    await clock.sleep(600, never);
    running--;
    const atMs = waits.get(task);
    waits.delete(task);
    return atMs;
  };
  queue.add(['a', 'b', 'c']);
  queue.add(['d', 'e', 'f']);
  const ended = queue.run(2, work, never);
  queue.close();
  await clock.advance(10_000);
  await ended;
  expect(log).toEqual(['a', 'b', 'c', 'd', 'a', 'e', 'f']);
  expect(runningMax).toBe(2);
  expect(queue.pendingCount).toBe(0);
});

test('it waits for more until it is closed', async () => {
  const clock = new FakeClock();
  const queue = new TaskQueue<number>(clock);
  const seen: number[] = [];
  const ended = queue.run(
    1,
    async (task) => {
      seen.push(task);
      return undefined;
    },
    never,
  );
  await clock.advance(120_000);
  queue.add([1]);
  await clock.advance(0);
  expect(seen).toEqual([1]);
  queue.close();
  await clock.advance(0);
  await ended;
});

test('after a failure, or when it is stopped, nothing more is begun, and what runs is waited for', async () => {
  const clock = new FakeClock();
  const queue = new TaskQueue<string>(clock);
  const log: string[] = [];
  queue.add(['slow', 'broken', 'never']);
  const ended = queue.run(
    2,
    async (task) => {
      if (task === 'broken') throw new Error('it broke');
      await clock.sleep(1_000, never);
      log.push(task);
      return undefined;
    },
    never,
  );
  const failed = expect(ended).rejects.toThrow('it broke');
  await clock.advance(2_000);
  await failed;
  expect(log).toEqual(['slow']);

  const stop = new AbortController();
  const stopped = new TaskQueue<string>(clock);
  stopped.add(['waits']);
  const run = stopped.run(1, async () => clock.monotonicMs() + 60_000, stop.signal);
  await clock.advance(10);
  stop.abort(new Error('enough'));
  await expect(run).rejects.toThrow('enough');
});
