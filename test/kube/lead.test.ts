import { once } from 'node:events';
import { expect, test } from 'vitest';
import { lead } from '../../src/kube/lead.ts';
import { LeaderElector } from '../../src/kube/lease.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startObjectApi } from './support/object-api.ts';
import { testClient, testRuntime } from './support/runtime.ts';

const never = new AbortController().signal;

test('whoever was frozen past its lease is told so before any timer, and its work fails', async () => {
  await using api = await startObjectApi();
  const clock = new FakeClock();
  const runtime = testRuntime(clock);
  await using client = testClient(api.url, runtime);
  const elector = new LeaderElector({ client, runtime, namespace: 'ns', name: 'operator', identity: 'one' });
  const seen: boolean[] = [];
  const leading = lead(elector, never, async (signal, isLeading) => {
    seen.push(isLeading());
    const thawing = clock.thaw(20_000);
    seen.push(isLeading(), signal.aborted);
    if (!signal.aborted) await once(signal, 'abort');
    await thawing;
  });
  await expect(leading).rejects.toMatchObject({ reason: 'LeadershipLost' });
  expect(seen).toEqual([true, false, false]);
});

test('without election nobody else can lead', async () => {
  const seen: boolean[] = [];
  await lead(undefined, never, async (signal, isLeading) => {
    seen.push(isLeading(), signal.aborted);
  });
  expect(seen).toEqual([true, false]);
});
