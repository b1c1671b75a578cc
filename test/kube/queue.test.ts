import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WorkQueue } from '../../src/kube/queue.ts';
import { FakeClock } from '../support/fake-clock.ts';

function setUp(retryConcurrencyMax = 2) {
  const clock = new FakeClock();
  const queue = new WorkQueue<string>({ clock, retryConcurrencyMax });
  const stop = new AbortController();
  return { clock, queue, stop, take: () => queue.take(stop.signal) };
}

/** Takes and finishes all that is ready. */
async function drain({ queue, take }: ReturnType<typeof setUp>): Promise<string[]> {
  const keys: string[] = [];
  while (queue.depth > 0) {
    const key = await take();
    if (key === undefined) break;
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

describe('add', () => {
  test('keeps a key once', async () => {
    const rig = setUp();
    for (const key of ['a', 'b', 'a']) rig.queue.add(key, 'routine');
    expect(await drain(rig)).toEqual(['a', 'b']);
  });

  test('gives a key that is being processed out again only after it is done', async () => {
    const { queue, take } = setUp();
    queue.add('a', 'user');
    await take();
    queue.add('a', 'user');
    queue.add('a', 'user');
    expect(queue.depth).toBe(0);
    queue.done('a');
    expect([queue.depth, await take()]).toEqual([1, 'a']);
    queue.done('a');
    expect(queue.depth).toBe(0);
  });

  test('serves users first and moves a key up, never down', async () => {
    const rig = setUp();
    for (const key of ['r1', 'r2', 'r3']) rig.queue.add(key, 'routine');
    rig.queue.add('u1', 'user');
    rig.queue.add('r3', 'user');
    rig.queue.add('u1', 'routine');
    expect(await drain(rig)).toEqual(['u1', 'r3', 'r1', 'r2']);
  });

  test('hands a key straight to a waiting worker', async () => {
    const { queue, take } = setUp();
    const waiting = take();
    queue.add('a', 'user');
    expect(await waiting).toBe('a');
  });
});

describe('addAfter', () => {
  test('adds at the earliest of the times asked for', async () => {
    const { queue, clock } = setUp();
    queue.addAfter('a', 1_000, 'routine');
    queue.addAfter('a', 300, 'routine');
    queue.addAfter('a', 2_000, 'routine');
    await clock.advance(299);
    expect(queue.depth).toBe(0);
    await clock.advance(1);
    expect(queue.depth).toBe(1);
    await clock.advance(5_000);
    expect(queue.depth).toBe(1);
  });

  test('is answered by a reconcile that begins before its time', async () => {
    const rig = setUp();
    rig.queue.addAfter('a', 1_000, 'routine');
    rig.queue.add('a', 'user');
    expect(await drain(rig)).toEqual(['a']);
    await rig.clock.advance(10_000);
    expect(rig.queue.depth).toBe(0);
  });

  test('asked for during a reconcile holds', async () => {
    const { queue, clock, take } = setUp();
    queue.add('a', 'user');
    await take();
    queue.addAfter('a', 1_000, 'routine');
    queue.done('a');
    await clock.advance(1_000);
    expect(queue.depth).toBe(1);
  });
});

describe('retry', () => {
  test('backs off from 5 ms, doubling to 1000 s, and begins anew after forget', async () => {
    const { queue, clock, take } = setUp();
    const delaysMs: number[] = [];
    queue.add('a', 'user');
    for (let failure = 0; failure < 20; failure++) {
      const key = (await take()) ?? '';
      queue.retry(key);
      queue.done(key);
      const [delayMs = 0] = clock.pendingSleepsMs();
      delaysMs.push(delayMs);
      await clock.advance(delayMs);
    }
    expect(delaysMs.slice(0, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(delaysMs.slice(-3)).toEqual([655_360, 1_000_000, 1_000_000]);
    expect(queue.failureCount('a')).toBe(20);
    queue.forget('a');
    queue.retry('b');
    expect(clock.pendingSleepsMs()).toEqual([5]);
  });

  test('waits at least as long as the server asked', async () => {
    const { queue, clock } = setUp();
    queue.retry('a', 7_000);
    expect(clock.pendingSleepsMs()).toEqual([7_000]);
  });

  test('leaves a worker to healthy keys however many fail', async () => {
    const { queue, clock, take } = setUp(2);
    for (const [index, key] of ['f1', 'f2', 'f3', 'f4'].entries()) queue.retry(key, 10 + index);
    await clock.advance(20);
    expect([await take(), await take()]).toEqual(['f1', 'f2']);
    const third = take();
    queue.add('healthy', 'routine');
    expect(await third).toBe('healthy');
    const fourth = take();
    queue.done('f1');
    expect(await fourth).toBe('f3');
  });

  test('a stream of user changes starves neither routine work nor retries', async () => {
    const { queue, clock, take } = setUp();
    queue.retry('failing');
    queue.add('routine', 'routine');
    await clock.advance(5);
    const taken: string[] = [];
    for (let change = 0; change < 40; change++) {
      queue.add(`user-${change}`, 'user');
      const key = (await take()) ?? '';
      taken.push(key);
      queue.done(key);
      await clock.advance(1);
    }
    expect(taken).toContain('routine');
    expect(taken).toContain('failing');
  });
});

describe('shutdown', () => {
  test('ends waiting and later takes and ignores adds', async () => {
    const { queue, take, clock } = setUp();
    const waiting = take();
    queue.addAfter('later', 10, 'user');
    queue.shutdown();
    queue.add('a', 'user');
    expect([await waiting, await take(), queue.depth]).toEqual([undefined, undefined, 0]);
    expect(clock.pendingSleepsMs()).toEqual([]);
  });

  test('lets a key in process be done', async () => {
    const { queue, take } = setUp();
    queue.add('a', 'user');
    await take();
    queue.shutdown();
    queue.done('a');
    expect(queue.depth).toBe(0);
  });
});

test('an aborted take leaves the line', async () => {
  const { queue, stop } = setUp();
  const waiting = queue.take(stop.signal);
  stop.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  queue.add('a', 'user');
  expect(queue.depth).toBe(1);
});

const action = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('user', 'routine'), key: fc.constantFrom('a', 'b', 'c') }),
  },
  fc.record({ kind: fc.constant('after' as const), key: fc.constantFrom('a', 'b', 'c'), delayMs: fc.nat(100) }),
  fc.record({ kind: fc.constant('take' as const) }),
  fc.record({ kind: fc.constantFrom('succeed', 'fail'), at: fc.nat(3) }),
  fc.record({ kind: fc.constant('advance' as const), delayMs: fc.nat(60) }),
);

test('in any order of things: one worker a key, and every add is followed by a later take', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 60 }), async (actions) => {
      const rig = setUp(3);
      const { queue, clock } = rig;
      const running: string[] = [];
      const owed = new Set<string>();
      const begin = async () => {
        const waiting = rig.take();
        await clock.advance(0);
        const key = (await waiting) ?? '';
        expect(running).not.toContain(key);
        running.push(key);
        owed.delete(key);
      };
      const end = (key: string) => {
        running.splice(running.indexOf(key), 1);
        queue.done(key);
      };
      for (const step of actions) {
        if ('at' in step) {
          const key = running[step.at % Math.max(1, running.length)];
          if (key === undefined) continue;
          if (step.kind === 'succeed') queue.forget(key);
          else queue.retry(key);
          if (step.kind === 'fail') owed.add(key);
          end(key);
        } else if ('key' in step) {
          owed.add(step.key);
          if ('delayMs' in step) queue.addAfter(step.key, step.delayMs, 'routine');
          else queue.add(step.key, step.kind);
        } else if (step.kind === 'advance') {
          await clock.advance(step.delayMs);
        } else if (queue.depth > 0) {
          await begin();
        }
      }
      while (running.length > 0) end(running[0] ?? '');
      await clock.advance(1_000_000);
      while (queue.depth > 0) {
        await begin();
        while (running.length > 0) end(running[0] ?? '');
      }
      expect([...owed]).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
