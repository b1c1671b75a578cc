import { expect, test } from 'vitest';
import type { KnownTimeline } from '../../src/controllers/cluster/inventory.ts';
import { Sweep } from '../../src/controllers/cluster/sweep.ts';
import { formatTenantTimelineId, parseTenantId, parseTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { TENANT } from '../agent/test-agent.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { isReady, place, stateOf, TestWorld, timelineId } from './test-operator.ts';
import { placeTimeline } from '../agent/test-agent.ts';

const HOUR_MS = 60 * 60_000;
const INTERVAL_MS = 10_000;

function timelines(count: number): Map<string, KnownTimeline> {
  const random = seededRandom(7);
  const digits = () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0');
  const all = Array.from({ length: count }, (): TenantTimelineId => {
    const timeline = parseTimelineId(digits() + digits() + digits() + digits());
    return { tenantId: parseTenantId(TENANT)!, timelineId: timeline! };
  });
  return new Map(all.map((id) => [formatTenantTimelineId(id), { id, replicas: 3 }]));
}

function rig(known: ReadonlyMap<string, KnownTimeline>) {
  const clock = new FakeClock();
  const sweep = new Sweep({ clock, random: () => 0.9 });
  const probes = new Map<string, number>();
  const state = { hasObject: (_id: TenantTimelineId) => false, durationMs: 0 };
  const turn = async () => {
    await clock.advance(INTERVAL_MS);
    let count = 0;
    const found = await sweep.turn({
      known,
      hasObject: (id) => state.hasObject(id),
      verifyIntervalMs: HOUR_MS,
      untilMs: clock.monotonicMs() + INTERVAL_MS / 2,
      isTroubled: async (id) => {
        count++;
        const key = formatTenantTimelineId(id);
        probes.set(key, (probes.get(key) ?? 0) + 1);
        if (state.durationMs > 0) await clock.advance(state.durationMs);
        return key.endsWith('00');
      },
    });
    return { count, found };
  };
  return { sweep, probes, state, turn };
}

test('everything is probed exactly once in a verifyInterval, evenly, and what is in trouble is told', async () => {
  const known = timelines(18_000);
  const { probes, turn } = rig(known);
  const counts: number[] = [];
  const found: TenantTimelineId[] = [];
  for (let n = 0; n < HOUR_MS / INTERVAL_MS; n++) {
    const { count, found: troubled } = await turn();
    counts.push(count);
    found.push(...troubled);
  }
  expect(probes.size).toBe(known.size);
  expect(Math.max(...probes.values())).toBe(1);
  // 50 a turn on average; five standard deviations are 35.
  expect(Math.max(...counts)).toBeLessThan(86);
  expect(Math.min(...counts)).toBeGreaterThan(14);
  expect(found.map(formatTenantTimelineId).sort()).toEqual(
    [...known.keys()].filter((key) => key.endsWith('00')).sort(),
  );
});

test('what has an object is left to it', async () => {
  const known = timelines(1_000);
  const { probes, state, turn } = rig(known);
  state.hasObject = ({ timelineId: id }) => id < '8';
  for (let n = 0; n < HOUR_MS / INTERVAL_MS; n++) await turn();
  expect([...probes.keys()].sort()).toEqual([...known.keys()].filter((key) => key.slice(33) >= '8').sort());
});

test('a hundred thousand suspects are probed a bounded number at a time, all of them, beside the round', async () => {
  const known = timelines(100_000);
  const { sweep, probes, turn } = rig(known);
  sweep.hurry(known.keys());
  const counts: number[] = [];
  for (let n = 0; n < 50; n++) counts.push((await turn()).count);
  expect(probes.size).toBe(known.size);
  // 2,000 suspects, and the 278 or so whose turn it is.
  expect(Math.max(...counts)).toBeLessThan(2_400);
  expect((await turn()).count).toBeLessThan(400);
});

test('a round that is too much for its turns goes on where it was, and leaves nobody out', async () => {
  const known = timelines(5_000);
  const { probes, state, turn } = rig(known);
  // Some fifty fit between two scans.
  state.durationMs = 100;
  for (let n = 0; n < 600 && probes.size < known.size; n++) await turn();
  expect(probes.size).toBe(known.size);
});

test('UnderReplicated: trouble that no list shows is found by the sweep, and the rest gets no object', async () => {
  await using world = await TestWorld.start(3, place(4));
  await world.createCluster({ inventory: { timelines: 'UnderReplicated', verifyInterval: '10s' } });
  world.startOperator();
  await world.untilCluster('Ready', isReady);
  await world.pass(30);
  expect(await world.timelines()).toEqual([]);
  await world.safekeeper(2).stop();
  await placeTimeline(world.safekeeper(2).dataDirectory, {
    snapshot: 'compute_created_greeting_only',
    tenantId: TENANT,
    timelineId: timelineId('3'),
  });
  await world.safekeeper(2).start();
  await world.untilTimeline('3', 'hollow', (skt) => stateOf(skt, 2) === 'Hollow');
  expect(await world.timelines()).toHaveLength(1);
});

test('UnderReplicated: a wiped safekeeper gets everything back, by objects made for it', async () => {
  await using world = await TestWorld.start(3, place(4));
  await world.createCluster({ inventory: { timelines: 'UnderReplicated' } });
  world.startOperator();
  const before = await world.untilCluster('Ready', isReady);
  expect(before.status).toMatchObject({ message: 'Safe: 4 of 4 timelines have all their replicas.' });
  await world.wipe(3);
  await world.untilTimelines('healed', 4, ({ status }) => status?.history?.[0]?.outcome === 'Recovered');
  expect(world.pulls()).toHaveLength(4);
});
