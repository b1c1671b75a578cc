import { expect, test } from 'vitest';
import { SharedReading } from '../../src/base/shared-reading.ts';

const NEVER = new AbortController().signal;

function countedReading(read: (count: number) => Promise<number> = async (count) => count) {
  const clock = { nowMs: 1_000, monotonicMs: () => clock.nowMs };
  let count = 0;
  const reading = new SharedReading(() => read(++count), clock);
  return { reading, clock };
}

test('one reading serves all who ask within a fifth of a second, and the next is made anew', async () => {
  const { reading, clock } = countedReading();
  const first = await Promise.all([reading.get(NEVER), reading.get(NEVER)]);
  clock.nowMs += 200;
  const soon = await reading.get(NEVER);
  clock.nowMs += 1;
  const later = await reading.get(NEVER);
  expect([...first, soon, later]).toEqual([1, 1, 1, 2]);
});

test('a failure is told to all who asked, and not for longer than a value', async () => {
  const { reading, clock } = countedReading(async (count) => {
    if (count === 1) throw new Error('nobody answers');
    return count;
  });
  const both = await Promise.allSettled([reading.get(NEVER), reading.get(NEVER)]);
  clock.nowMs += 201;
  expect([...both.map(({ status }) => status), await reading.get(NEVER)]).toEqual(['rejected', 'rejected', 2]);
});

test('who goes away does not end the reading for the others', async () => {
  let answer = (_value: number): void => undefined;
  const { reading } = countedReading(() => new Promise((resolve) => (answer = resolve)));
  const leaving = new AbortController();
  const gone = reading.get(leaving.signal);
  const staying = reading.get(NEVER);
  leaving.abort(new Error('paused'));
  await expect(gone).rejects.toThrow('paused');
  answer(7);
  expect(await staying).toBe(7);
});
