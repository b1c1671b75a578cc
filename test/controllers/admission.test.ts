import { expect, test } from 'vitest';
import { Admission } from '../../src/controllers/cluster/admission.ts';
import type { ObjectKey } from '../../src/kube/object.ts';
import { safekeeperId } from '../agent/test-agent.ts';

const LIMITS = { maxConcurrent: 2, maxPerRecipient: 2, maxPerDonor: 2 };
const EXPOSED = { presentReplicas: 1, computeConnected: false };
const SAFE = { presentReplicas: 2, computeConnected: false };

function admission(limits = LIMITS) {
  const told: string[] = [];
  const line = new Admission(limits, (key) => told.push(key));
  const enter = (key: string, exposure = SAFE, recipient = 1, donor = 2) =>
    line.tryEnter(key as ObjectKey, safekeeperId(recipient), safekeeperId(donor), exposure);
  return { line, enter, told, withdraw: (key: string) => line.withdraw(key as ObjectKey) };
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
