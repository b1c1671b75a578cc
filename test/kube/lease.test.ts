import { describe, expect, test } from 'vitest';
import { LeaderElector, type Lease } from '../../src/kube/lease.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type ObjectApi, startObjectApi } from './support/object-api.ts';
import { testClient, testRuntime } from './support/runtime.ts';

const PATH = '/apis/coordination.k8s.io/v1/namespaces/ns/leases/operator';
const never = new AbortController().signal;

/** One process that wants the lease, with a clock of its own. */
function candidate(api: ObjectApi, identity: string) {
  const clock = new FakeClock();
  const runtime = testRuntime(clock);
  const client = testClient(api.url, runtime);
  const elector = new LeaderElector({ client, runtime, namespace: 'ns', name: 'operator', identity });
  return { clock, client, elector, [Symbol.asyncDispose]: () => client[Symbol.asyncDispose]() };
}

function specOf(api: ObjectApi): Lease['spec'] {
  return (api.objects.get(PATH) as unknown as Lease | undefined)?.spec;
}

/** Moves a clock on in steps until something is so; each step waits until the process sleeps again. */
async function advanceUntil(clock: FakeClock, stepMs: number, condition: () => boolean): Promise<void> {
  while (!condition()) {
    await eventually('the next sleep', () => condition() || clock.pendingSleepsMs().some((leftMs) => leftMs <= stepMs));
    await clock.advance(stepMs);
  }
}

describe('a free lease', () => {
  test('is created with the holder and its times', async () => {
    await using api = await startObjectApi();
    await using one = candidate(api, 'one');
    const leadership = await one.elector.acquire(never);
    expect(leadership.isHeld()).toBe(true);
    expect(specOf(api)).toEqual({
      holderIdentity: 'one',
      leaseDurationSeconds: 15,
      acquireTime: '2026-01-01T00:00:00.000000Z',
      renewTime: '2026-01-01T00:00:00.000000Z',
      leaseTransitions: 0,
    });
    await leadership[Symbol.asyncDispose]();
  });

  test('goes to one of two who want it at the same time', async () => {
    await using api = await startObjectApi();
    await using one = candidate(api, 'one');
    await using two = candidate(api, 'two');
    const stop = new AbortController();
    const won: string[] = [];
    const tries = [one, two].map((each, index) =>
      each.elector.acquire(stop.signal).then((leadership) => {
        won.push(index === 0 ? 'one' : 'two');
        return leadership;
      }),
    );
    await eventually('one waits', () => [one, two].some(({ clock }) => clock.pendingSleepsMs()[0] === 2_200));
    await eventually('one wins', () => won.length === 1);
    expect(specOf(api)?.holderIdentity).toBe(won[0]);
    stop.abort(new Error('the test is over'));
    for (const outcome of await Promise.allSettled(tries)) {
      if (outcome.status === 'fulfilled') await outcome.value[Symbol.asyncDispose]();
    }
  });
});

test('is renewed every 2 s and keeps its acquire time', async () => {
  await using api = await startObjectApi();
  await using one = candidate(api, 'one');
  await using leadership = await one.elector.acquire(never);
  await advanceUntil(one.clock, 2_000, () => api.writes.length >= 11);
  expect(leadership.isHeld()).toBe(true);
  expect(specOf(api)).toMatchObject({ acquireTime: '2026-01-01T00:00:00.000000Z', leaseTransitions: 0 });
  expect(specOf(api)?.renewTime).not.toBe('2026-01-01T00:00:00.000000Z');
});

test('is released on shutdown, and another takes it without waiting for its expiry', async () => {
  await using api = await startObjectApi();
  await using one = candidate(api, 'one');
  await using two = candidate(api, 'two');
  const first = await one.elector.acquire(never);
  await first[Symbol.asyncDispose]();
  expect([specOf(api)?.holderIdentity, first.isHeld(), first.signal.aborted]).toEqual([undefined, false, true]);
  await using second = await two.elector.acquire(never);
  expect(second.isHeld()).toBe(true);
  expect(specOf(api)).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
});

test('is taken over only after its record stood still for its duration on our own clock', async () => {
  await using api = await startObjectApi();
  await using one = candidate(api, 'one');
  await using two = candidate(api, 'two');
  await using first = await one.elector.acquire(never);
  let taken = false;
  const second = two.elector.acquire(never).then((leadership) => {
    taken = true;
    return leadership;
  });
  await advanceUntil(two.clock, 2_200, () => two.clock.monotonicMs() >= 13_200);
  await eventually('the try', () => two.clock.pendingSleepsMs()[0] === 2_200);
  const writes = api.writes.length;
  await advanceUntil(one.clock, 2_000, () => api.writes.length > writes);
  await advanceUntil(two.clock, 2_200, () => two.clock.monotonicMs() >= 26_400);
  await eventually('the try', () => two.clock.pendingSleepsMs()[0] === 2_200);
  expect([taken, first.isHeld()]).toEqual([false, true]);
  await advanceUntil(two.clock, 2_200, () => taken);
  expect(specOf(api)).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
  await (await second)[Symbol.asyncDispose]();
});

test('a frozen holder knows that it lost at once when it thaws, and does not take the lease back', async () => {
  await using api = await startObjectApi();
  await using one = candidate(api, 'one');
  await using two = candidate(api, 'two');
  await using frozen = await one.elector.acquire(never);
  let taken = false;
  const second = two.elector.acquire(never).then((leadership) => {
    taken = true;
    return leadership;
  });
  await advanceUntil(two.clock, 2_200, () => taken);
  const writes = api.writes.length;
  expect(frozen.signal.aborted).toBe(false);
  const thawing = one.clock.thaw(20_000);
  expect(frozen.isHeld()).toBe(false);
  await thawing;
  expect(frozen.signal.reason).toMatchObject({ reason: 'LeadershipLost' });
  await frozen[Symbol.asyncDispose]();
  expect(api.writes.length).toBe(writes);
  expect(specOf(api)?.holderIdentity).toBe('two');
  await (await second)[Symbol.asyncDispose]();
});

describe('is lost', () => {
  test('at the renew deadline while the API server hangs', async () => {
    await using api = await startObjectApi();
    await using one = candidate(api, 'one');
    await using leadership = await one.elector.acquire(never);
    api.frozen = true;
    await one.clock.advance(9_999);
    expect([leadership.isHeld(), leadership.signal.aborted]).toEqual([true, false]);
    await one.clock.advance(1);
    expect(leadership.signal.reason).toMatchObject({ reason: 'LeadershipLost' });
  });

  test('at the renew deadline while the API server refuses, but not before', async () => {
    await using api = await startObjectApi();
    await using one = candidate(api, 'one');
    await using leadership = await one.elector.acquire(never);
    api.failWith = { code: 500, reason: 'InternalError' };
    await advanceUntil(one.clock, 2_000, () => one.clock.monotonicMs() >= 8_000);
    expect(leadership.signal.aborted).toBe(false);
    await one.clock.advance(2_000);
    expect(leadership.signal.reason).toMatchObject({ reason: 'LeadershipLost' });
  });

  test('at once when another holds it', async () => {
    await using api = await startObjectApi();
    await using one = candidate(api, 'one');
    await using leadership = await one.elector.acquire(never);
    const stored = api.objects.get(PATH);
    if (stored === undefined) throw new Error('the lease is there');
    const metadata = { ...stored.metadata, resourceVersion: '999' };
    api.objects.set(PATH, { ...stored, metadata, spec: { holderIdentity: 'two', leaseDurationSeconds: 15 } });
    await one.clock.advance(2_000);
    await eventually('the loss', () => leadership.signal.aborted);
    expect(leadership.signal.reason).toMatchObject({
      message: 'the lease operator was lost: another process holds it',
    });
  });
});

test('survives an answer that got lost: the newer record is its own', async () => {
  await using api = await startObjectApi();
  await using one = candidate(api, 'one');
  await using leadership = await one.elector.acquire(never);
  const stored = api.objects.get(PATH);
  if (stored === undefined) throw new Error('the lease is there');
  api.objects.set(PATH, { ...stored, metadata: { ...stored.metadata, resourceVersion: '150' } });
  const writes = api.writes.length;
  await advanceUntil(one.clock, 2_000, () => api.writes.length > writes);
  expect(leadership.isHeld()).toBe(true);
});
