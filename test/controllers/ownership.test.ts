import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { createLogger } from '../../src/base/log.ts';
import { Ownership } from '../../src/controllers/cluster/ownership.ts';
import { TimelineNames } from '../../src/controllers/cluster/timeline-names.ts';
import type { TenantTimelineId } from '../../src/domain/ids.ts';
import { parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import type { StorageControllerClient } from '../../src/safekeeper/storage-controller.ts';
import { safekeeperId } from '../agent/test-agent.ts';
import { FakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;
const SK = safekeeperId(1);
const T: TenantTimelineId = { tenantId: parseTenantId('1'.repeat(32))!, timelineId: parseTimelineId('2'.repeat(32))! };

function rig() {
  const clock = new FakeClock();
  const state = { list: [T] as TenantTimelineId[], asked: 0, failure: undefined as Error | undefined };
  const timelinesOf = () => {
    state.asked++;
    return state.failure === undefined ? Promise.resolve(state.list) : Promise.reject(state.failure);
  };
  const client = { timelinesOf } as unknown as StorageControllerClient;
  const ownership = new Ownership({
    cluster: 'c',
    client,
    names: new TimelineNames(),
    clock,
    log: createLogger('silent'),
  });
  return { clock, state, ownership, of: (sinceMs: number) => ownership.of(SK, T, sinceMs, never) };
}

test('a list counts only for losses that were seen before its reading began', async () => {
  const { clock, state, ownership, of } = rig();
  await clock.advance(10_000);
  await ownership.refresh([SK], never);
  expect(await of(10_000)).toBe('Named');
  expect(state.asked).toBe(1);
  state.list = [];
  await clock.advance(1);
  expect(await of(10_001)).toBe('NotNamed');
  expect(state.asked).toBe(2);
});

test('a list that is too old is read again, and without an answer it does not count', async () => {
  const { clock, state, ownership, of } = rig();
  await ownership.refresh([SK], never);
  await clock.advance(30_000);
  expect(await of(0)).toBe('Named');
  expect(state.asked).toBe(1);
  await clock.advance(1);
  state.failure = new Error('gone');
  expect(await of(0)).toBe('NoAnswer');
  expect(ownership.problem).toEqual({ kind: 'Unusable', message: 'gone' });
  expect(ownership.named(SK)?.size).toBe(1);
  state.failure = undefined;
  await clock.advance(5_000);
  expect(await of(0)).toBe('Named');
});

test('thousands of timelines that wait ask once', async () => {
  const { clock, state, of } = rig();
  await clock.advance(60_000);
  expect(new Set(await Promise.all(Array.from({ length: 1_000 }, () => of(0))))).toEqual(new Set(['Named']));
  expect(state.asked).toBe(1);
  state.failure = new Error('gone');
  await clock.advance(60_000);
  for (let n = 0; n < 10; n++) expect(await of(0)).toBe('NoAnswer');
  expect(state.asked).toBe(2);
});

test('who has left the cluster is forgotten', async () => {
  const { ownership } = rig();
  await ownership.refresh([SK], never);
  await ownership.refresh([], never);
  expect(ownership.named(SK)).toBeUndefined();
});

test('who does not answer for one safekeeper is not waited for with the others', async () => {
  const { state, ownership } = rig();
  state.failure = new Failure('DeadlineExceeded', 'it is silent');
  await ownership.refresh([1, 2, 3, 4, 5].map(safekeeperId), never);
  expect(state.asked).toBe(2);
  state.failure = new Failure('StorageControllerRefused', 'who is that?');
  await ownership.refresh([1, 2, 3, 4, 5].map(safekeeperId), never);
  expect(state.asked).toBe(7);
});
