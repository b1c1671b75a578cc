import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { onRequest, type Reaction } from './proxy.ts';
import { conditionOf, isReady, place, reasonsOf, TestWorld } from './test-operator.ts';

async function readyWith(spec: Record<string, unknown> = {}): Promise<TestWorld> {
  const world = await TestWorld.start(3, place(1));
  await world.createCluster(spec);
  world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  return world;
}

const tempEntries = (world: TestWorld, id: number): string[] => {
  const temp = join(world.safekeeper(id).dataDirectory, 'tmp');
  return existsSync(temp) ? readdirSync(temp) : [];
};

test.each<[string, RegExp, Reaction, string]>([
  ['a donor whose stream breaks', /\/snapshot\//, { kind: 'Break', afterBytes: 5_000 }, 'donor'],
  [
    'a recipient without room in the middle',
    /pull_timeline/,
    { kind: 'Answer', status: 500, body: { msg: 'No space left on device (os error 28)' } },
    'recipient',
  ],
])(
  '%s: the attempt fails with one message, the next one comes after a while and succeeds',
  async (_what, pattern, reaction, side) => {
    await using world = await readyWith();
    world.safekeeper(side === 'donor' ? 1 : 2).proxy.react = onRequest(pattern, reaction, 1);
    await world.wipe(2);
    const failed = await world.untilTimeline(
      '1',
      'it failed',
      ({ status }) => status?.recovery?.nextAttemptAt !== undefined,
    );
    expect(reasonsOf(failed)).toBe('ReplicaLost/RetryBackoff/-');
    expect(failed.status?.history).toMatchObject([
      { outcome: 'Failed', reason: 'RecoveryFailed', recipient: 2, donor: 1 },
    ]);
    expect(failed.status?.message).toMatch(/^At risk: Attempt 1 failed: .+/);
    expect(tempEntries(world, 2)).toEqual([]);
    const healed = await world.untilTimeline('1', 'healed', isReady);
    expect(healed.status?.history?.map(({ outcome }) => outcome)).toEqual(['Recovered', 'Failed']);
    expect(healed.status?.recovery).toBeUndefined();
    const reasons = await world.eventReasons();
    expect(reasons.filter((reason) => reason === 'RecoveryFailed')).toHaveLength(1);
  },
);

test('a donor that falls silent is given up after stallTimeout', async () => {
  await using world = await readyWith({ recovery: { stallTimeout: '5s' } });
  world.safekeeper(1).proxy.react = onRequest(/\/snapshot\//, { kind: 'Stall', afterBytes: 5_000 }, 1);
  await world.wipe(2);
  const pulling = await world.untilTimeline(
    '1',
    'bytes are shown',
    ({ status }) => (status?.recovery?.bytesDone ?? 0) > 0,
  );
  expect(pulling.status?.recovery?.bytesExpected).toBeGreaterThan(0);
  const failed = await world.untilTimeline(
    '1',
    'it failed',
    ({ status }) => status?.recovery?.nextAttemptAt !== undefined,
  );
  expect(failed.status?.message).toContain('without progress');
  await eventually('the temp directory is gone', () => tempEntries(world, 2).length === 0);
  await world.untilTimeline('1', 'healed', isReady);
});

test('after five failures it says that it keeps failing, and keeps trying, also under the next operator', async () => {
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster();
  const first = world.startOperator();
  await world.untilTimelines('Ready', 1, isReady);
  world.safekeeper(2).proxy.react = onRequest(/pull_timeline/, {
    kind: 'Answer',
    status: 500,
    body: { msg: 'nothing works' },
  });
  await world.wipe(2);
  await world.untilTimeline(
    '1',
    'four failures',
    ({ status }) => status?.recovery?.attempt === 4 && status.recovery.nextAttemptAt !== undefined,
  );
  await first.stop();
  world.startOperator();
  const stalled = await world.untilTimeline(
    '1',
    'stalled',
    (timeline) => reasonsOf(timeline) === 'ReplicaLost/-/RecoveryKeepsFailing',
  );
  expect(stalled.status?.message).toMatch(/^Needs you: Attempt 5 failed: .*nothing works/);
  expect(world.pulls()).toHaveLength(5);
  expect(conditionOf(stalled, 'Reconciling')?.status).toBe('False');
  world.safekeeper(2).proxy.react = () => undefined;
  await world.untilTimeline('1', 'healed', isReady);
}, 30_000);

test('a recipient that is nearly full is not filled up', async () => {
  await using world = await readyWith();
  const full = { capacity_bytes: 1_000_000_000, usage_bytes: 950_000_000, data_dir: '/data' };
  world.safekeeper(2).proxy.react = onRequest(/filesystem_usage/, { kind: 'Answer', status: 200, body: full });
  await world.wipe(2);
  const blocked = await world.untilTimeline(
    '1',
    'blocked',
    (timeline) => reasonsOf(timeline) === 'RecipientDiskFull/-/RecipientDiskFull',
  );
  expect(blocked.status?.message).toContain('MiB free');
  expect(world.pulls()).toEqual([]);
});
