import { expect, test } from 'vitest';
import { EMPTY_INVENTORY, type Inventory, scanCluster } from '../../src/controllers/cluster/inventory.ts';
import type { SafekeeperHandle } from '../../src/controllers/cluster/safekeeper-handle.ts';
import { TimelineNames } from '../../src/controllers/cluster/timeline-names.ts';
import { timelinesToCreate, trackUnlisted } from '../../src/controllers/cluster/timelines.ts';
import {
  formatTenantTimelineId,
  parseTenantId,
  parseTimelineId,
  type SafekeeperId,
  type TenantTimelineId,
} from '../../src/domain/ids.ts';
import { safekeeperId, TENANT } from '../agent/test-agent.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { timelineId } from './test-operator.ts';

const never = new AbortController().signal;
const id = (digit: string): TenantTimelineId => ({
  tenantId: parseTenantId(TENANT)!,
  timelineId: parseTimelineId(timelineId(digit))!,
});
const key = (digit: string) => formatTenantTimelineId(id(digit));

/** One scan of safekeepers that list these digits; undefined: it breaks off after the first. */
function scanner() {
  const names = new TimelineNames();
  const clock = new FakeClock();
  return async (
    before: Inventory,
    lists: Readonly<Record<number, string | undefined>>,
    disputed: ReadonlyMap<SafekeeperId, string> = new Map(),
  ): Promise<Inventory> => {
    const handles = Object.entries(lists).map(([number, digits]) => {
      const client = {
        nodeStatus: () => Promise.resolve({ id: safekeeperId(Number(number)) }),
        async *listTimelines() {
          for (const digit of digits ?? '1') yield await Promise.resolve([id(digit)]);
          if (digits === undefined) throw new Error('broken');
        },
      };
      return { id: safekeeperId(Number(number)), url: `http://${number}`, client } as unknown as SafekeeperHandle;
    });
    return await scanCluster(handles, disputed, before, { names, clock }, never);
  };
}
const listed = (inventory: Inventory, number: number) => [
  ...(inventory.views.get(safekeeperId(number))?.timelines?.keys() ?? []),
];

test('a scan that finds the same in another order, or twice, makes nothing anew', async () => {
  const scan = scanner();
  const first = await scan(EMPTY_INVENTORY, { 1: '12', 2: '12' });
  const again = await scan(first, { 1: '21', 2: '121' });
  expect(again.known).toBe(first.known);
  expect(again.views.get(safekeeperId(2))?.timelines).toBe(first.views.get(safekeeperId(2))?.timelines);
});

test('as many timelines are not the same timelines', async () => {
  const scan = scanner();
  const first = await scan(EMPTY_INVENTORY, { 1: '12', 2: '12' });
  const twice = await scan(first, { 1: '11', 2: '13' });
  expect([listed(twice, 1), listed(twice, 2)]).toEqual([[key('1')], [key('1'), key('3')]]);
  expect([...twice.known].map(([name, { replicas }]) => [name, replicas])).toEqual([
    [key('1'), 2],
    [key('3'), 1],
  ]);
});

test('a list that breaks off leaves the one before', async () => {
  const scan = scanner();
  const first = await scan(EMPTY_INVENTORY, { 1: '12' });
  const broken = await scan(first, { 1: undefined });
  expect(broken.views.get(safekeeperId(1))?.state.kind).toBe('Unreachable');
  expect(listed(broken, 1)).toEqual([key('1'), key('2')]);
});

test('what is listed under an id that others claim, too, does not count', async () => {
  const scan = scanner();
  const first = await scan(EMPTY_INVENTORY, { 1: '12', 2: '12' });
  const now = await scan(first, { 1: '12', 2: '9' }, new Map([[safekeeperId(2), 'two of them']]));
  expect(now.views.get(safekeeperId(2))?.state).toEqual({ kind: 'IdConflict', problem: 'two of them' });
  expect(listed(now, 2)).toEqual([key('1'), key('2')]);
  expect(now.known).toBe(first.known);
});

test('a safekeeper that joins or leaves changes what is known', async () => {
  const scan = scanner();
  const first = await scan(EMPTY_INVENTORY, { 1: '1' });
  const more = await scan(first, { 1: '1', 2: '1' });
  expect(more.known.get(key('1'))?.replicas).toBe(2);
  expect((await scan(more, { 1: '1' })).known.get(key('1'))?.replicas).toBe(1);
});

test('names come and go without end, and are not kept', () => {
  const names = new TimelineNames();
  const digits = (n: number) => n.toString(16).padStart(32, '0');
  let before: ReadonlyMap<string, TenantTimelineId> = new Map();
  for (let round = 0; round < 50; round++) {
    const list = Array.from({ length: 100 }, (_, n) =>
      names.intern({ tenantId: id('1').tenantId, timelineId: parseTimelineId(digits(round * 100 + n))! }),
    );
    before = names.toMap(list, before);
    names.keepOnly(before);
  }
  expect((names as unknown as { names: Map<string, unknown> }).names.size).toBeLessThanOrEqual(1_200);
});

test.each<[string, 'All' | 'UnderReplicated' | 'None', Record<number, string>, string]>([
  ['all of them', 'All', { 1: '12', 2: '1', 3: '1' }, '12'],
  ['those that one lacks, kept in memory,', 'None', { 1: '12', 2: '1', 3: '1' }, '2'],
  ['those that one of three lacks', 'UnderReplicated', { 1: '12', 2: '12', 3: '1' }, '2'],
  [
    'none of five safekeepers when each is on three',
    'UnderReplicated',
    { 1: '12', 2: '123', 3: '13', 4: '23', 5: '' },
    '',
  ],
  ['of five safekeepers those on two', 'UnderReplicated', { 1: '12', 2: '12', 3: '1', 4: '', 5: '' }, '2'],
])('%s get an object in mode %s', async (_, mode, lists, expected) => {
  const inventory = await scanner()(EMPTY_INVENTORY, lists);
  const sources = { inventory, ownership: undefined, unlistedSince: new Map<string, number>() };
  const wanted = timelinesToCreate(sources, { mode, gracePeriodMs: 0, nowMs: 0 }, () => false, 10);
  expect(wanted.map(({ timelineId: digits }) => digits[0]).join('')).toBe(expected);
});

test('what the storage controller names and a safekeeper lacks is under-replicated; what nobody lists, after a while', async () => {
  const inventory = await scanner()(EMPTY_INVENTORY, { 1: '12', 2: '12', 3: '1', 4: '2' });
  const named = (digits: string) => new Map(Array.from(digits, (digit) => [key(digit), id(digit)]));
  const ownership = { named: (sk: bigint) => (sk === 4n ? named('129') : undefined) };
  const unlistedSince = trackUnlisted(new Map(), inventory, ownership, 500);
  expect([...unlistedSince]).toEqual([[key('9'), 500]]);
  expect(trackUnlisted(unlistedSince, inventory, ownership, 900)).toEqual(unlistedSince);
  const at = (nowMs: number) =>
    timelinesToCreate(
      { inventory, ownership, unlistedSince },
      { mode: 'UnderReplicated', gracePeriodMs: 1_000, nowMs },
      () => false,
      10,
    ).map(({ timelineId: digits }) => digits[0]);
  expect(at(1_499)).toEqual(['1']);
  expect(at(1_500)).toEqual(['1', '9']);
});
