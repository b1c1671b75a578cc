import { expect, test } from 'vitest';
import { Admission } from '../../src/controllers/cluster/admission.ts';
import type { ObjectKey } from '../../src/kube/object.ts';
import { safekeeperId } from '../agent/test-agent.ts';
import { FakeClock } from '../support/fake-clock.ts';

const LIMITS = { maxConcurrent: 2, maxPerRecipient: 2, maxPerDonor: 2 };
const EXPOSED = { presentReplicas: 1, computeConnected: false };
const SAFE = { presentReplicas: 2, computeConnected: false };

function admission(limits = LIMITS) {
  const told: string[] = [];
  const clock = new FakeClock();
  const line = new Admission(limits, (key) => told.push(key), clock);
  const enter = (key: string, exposure = SAFE, recipient = 1, donor = 2) =>
    line.tryEnter(key as ObjectKey, safekeeperId(recipient), safekeeperId(donor), exposure);
  return { line, clock, enter, told, withdraw: (key: string) => line.withdraw(key as ObjectKey) };
}

test('lets in as many as the limits allow, and tells the next in line when a slot is free', () => {
  const { enter, told } = admission();
  const first = enter('a');
  expect(first).toBeDefined();
  expect(enter('b')).toBeDefined();
  expect(enter('c')).toBeUndefined();
  first?.[Symbol.dispose]();
  expect(told).toEqual(['c']);
  first?.[Symbol.dispose]();
  expect(enter('c')).toBeDefined();
});

test('the most exposed goes first, then the one with a compute, then who came first', () => {
  const { enter, told } = admission({ ...LIMITS, maxConcurrent: 1 });
  const running = enter('running');
  for (const [key, exposure] of [
    ['early', SAFE],
    ['late', SAFE],
    ['compute', { ...SAFE, computeConnected: true }],
    ['exposed', EXPOSED],
  ] as const) {
    expect(enter(key, exposure)).toBeUndefined();
  }
  running?.[Symbol.dispose]();
  expect(enter('early')).toBeUndefined();
  const order: string[] = [];
  for (let left = 4; left > 0; left--) {
    const next = told.at(-1) ?? '';
    order.push(next);
    enter(next, next === 'exposed' ? EXPOSED : { ...SAFE, computeConnected: next === 'compute' })?.[Symbol.dispose]();
  }
  expect(order).toEqual(['exposed', 'compute', 'early', 'late']);
});

test('a crowd at one recipient or donor does not keep others out', () => {
  const { enter } = admission({ maxConcurrent: 8, maxPerRecipient: 1, maxPerDonor: 1 });
  expect(enter('a', EXPOSED, 1, 2)).toBeDefined();
  for (const key of ['b', 'c', 'd', 'e', 'f', 'g', 'h', 'i']) expect(enter(key, EXPOSED, 1, 2)).toBeUndefined();
  expect(enter('same donor', SAFE, 3, 2)).toBeUndefined();
  expect(enter('elsewhere', SAFE, 3, 4)).toBeDefined();
});

test('those in line count the room that they leave each other', () => {
  const { line, enter, told } = admission({ maxConcurrent: 1, maxPerRecipient: 1, maxPerDonor: 4 });
  const running = enter('running', EXPOSED, 9);
  enter('a', EXPOSED, 1);
  enter('b', EXPOSED, 1);
  enter('c', SAFE, 3);
  line.setLimits({ maxConcurrent: 3, maxPerRecipient: 1, maxPerDonor: 4 });
  expect(told).toEqual(['a', 'c']);
  running?.[Symbol.dispose]();
});

test('who leaves the line lets the others pass', () => {
  const { enter, withdraw, told } = admission({ ...LIMITS, maxConcurrent: 1 });
  const running = enter('running');
  enter('stale', EXPOSED);
  enter('other');
  running?.[Symbol.dispose]();
  expect(enter('other')).toBeUndefined();
  withdraw('stale');
  expect(told.at(-1)).toBe('other');
  expect(enter('other')).toBeDefined();
});

test('nobody has two slots', () => {
  const { enter } = admission();
  expect(enter('a')).toBeDefined();
  expect(enter('a')).toBeUndefined();
});

const never = new AbortController().signal;

test('no more pull at once than the limits allow, the most exposed first', async () => {
  const { line, enter } = admission({ maxConcurrent: 3, maxPerRecipient: 3, maxPerDonor: 3 });
  const slots = ['a', 'b', 'c'].map((key) => enter(key, key === 'c' ? EXPOSED : SAFE));
  line.setLimits({ ...LIMITS, maxConcurrent: 1 });
  const order: string[] = [];
  const pulls = ['a', 'b', 'c'].map(async (key, at) => {
    using turn = await slots[at]?.takeTurn(never);
    using _pull = await turn?.startPull(safekeeperId(2), never);
    order.push(key);
    await Promise.resolve();
    order.push(`${key} ends`);
  });
  await Promise.all(pulls);
  expect(order).toEqual(['a', 'a ends', 'c', 'c ends', 'b', 'b ends']);
});

test('who stops waiting for its turn is in nobody’s way', async () => {
  const { line, enter } = admission();
  const [a, b] = [enter('a'), enter('b')];
  line.setLimits({ ...LIMITS, maxConcurrent: 1 });
  const first = await a?.takeTurn(never);
  const stop = new AbortController();
  const waiting = b?.takeTurn(stop.signal);
  stop.abort(new Error('no longer wanted'));
  await expect(waiting).rejects.toThrow('no longer wanted');
  first?.[Symbol.dispose]();
  (await b?.takeTurn(never))?.[Symbol.dispose]();
});

test('more get ready than may pull while pulls are quick, and only then', async () => {
  const { clock, enter } = admission({ maxConcurrent: 1, maxPerRecipient: 1, maxPerDonor: 1 });
  const enterAll = () => {
    const entered = [];
    for (let slot = enter('next'); slot !== undefined; slot = enter(`next ${entered.length}`)) entered.push(slot);
    return entered;
  };
  const first = enter('a');
  expect(enterAll()).toEqual([]);
  const turn = await first?.takeTurn(never);
  const quick = await turn?.startPull(safekeeperId(2), never);
  await clock.advance(1_000);
  expect(enterAll()).toEqual([]);
  quick?.succeed();
  quick?.[Symbol.dispose]();
  turn?.[Symbol.dispose]();
  const ahead = enterAll();
  expect(ahead.length).toBe(11);

  const [second] = ahead;
  const slowTurn = await second?.takeTurn(never);
  const slow = await slowTurn?.startPull(safekeeperId(2), never);
  await clock.advance(10_000);
  for (const slot of [first, ...ahead.slice(2)]) slot?.[Symbol.dispose]();
  expect(enterAll()).toEqual([]);
  slow?.succeed();
  slow?.[Symbol.dispose]();
  slowTurn?.[Symbol.dispose]();
  expect(enterAll()).toEqual([]);
});

test('more look than pull while pulls are quick; who looks waits for its pull', async () => {
  const { enter } = admission({ maxConcurrent: 1, maxPerRecipient: 1, maxPerDonor: 1 });
  const first = enter('a');
  {
    using turn = await first?.takeTurn(never);
    using pull = await turn?.startPull(safekeeperId(2), never);
    pull?.succeed();
  }
  const [second, third] = [enter('b'), enter('c')];
  const [turn, other] = await Promise.all([second?.takeTurn(never), third?.takeTurn(never)]);
  const pull = await turn?.startPull(safekeeperId(2), never);
  const soon = new AbortController();
  const waiting = other?.startPull(safekeeperId(2), soon.signal);
  soon.abort(new Error('not soon enough'));
  await expect(waiting).rejects.toThrow('not soon enough');
  pull?.[Symbol.dispose]();
  (await other?.startPull(safekeeperId(2), never))?.[Symbol.dispose]();
});

test('a pull that failed at once was not quick', async () => {
  const { enter } = admission({ maxConcurrent: 1, maxPerRecipient: 1, maxPerDonor: 1 });
  for (const hasSucceeded of [true, false]) {
    const slot = enter('a');
    {
      using turn = await slot?.takeTurn(never);
      using pull = await turn?.startPull(safekeeperId(2), never);
      if (hasSucceeded) pull?.succeed();
    }
    const other = enter('b');
    expect(other !== undefined).toBe(hasSucceeded);
    for (const held of [slot, other]) held?.[Symbol.dispose]();
  }
});

test('who was told of a free slot is told again only after asking', () => {
  const { enter, told } = admission();
  const [a, b] = [enter('a'), enter('b')];
  enter('c');
  a?.[Symbol.dispose]();
  b?.[Symbol.dispose]();
  expect(told).toEqual(['c']);
});
