import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { generatedBody, WatchedBody } from '../../src/transfer/watched-body.ts';
import { never } from './harness.ts';

/** Looks at the signal only between pieces, as whoever reads a disk does; the third piece takes its time. */
async function* pieces(signal: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  for (let count = 0; count < 5; count++) {
    signal.throwIfAborted();
    if (count === 2) await delay(150);
    yield Buffer.from([count]);
  }
}

async function drain(body: WatchedBody): Promise<number> {
  let count = 0;
  for await (const _piece of body) count++;
  return count;
}

test('a body that is stopped while a piece is made never ends as if it were whole', async () => {
  using stalled = new WatchedBody(generatedBody(pieces), { stallTimeoutMs: 50 }, never);
  await expect(drain(stalled)).rejects.toMatchObject({ reason: 'DonorStalled' });

  const stop = new AbortController();
  using stopped = new WatchedBody(generatedBody(pieces), { stallTimeoutMs: 5_000 }, stop.signal);
  setTimeout(() => stop.abort(new Error('no longer wanted')), 50);
  await expect(drain(stopped)).rejects.toThrow('no longer wanted');

  using whole = new WatchedBody(generatedBody(pieces), { stallTimeoutMs: 5_000 }, never);
  expect(await drain(whole)).toBe(5);
});
