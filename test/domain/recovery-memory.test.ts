import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  EMPTY_MEMORY,
  groundHeld,
  ROUND_DISTANCE_MS,
  remember,
  sameAnswerForMs,
} from '../../src/domain/recovery-memory.ts';
import { configuration, id, LOST, observe, present, SILENT, statuses, statusOf, UNCLEAR } from './support.ts';

const lost = observe({ 1: LOST });
const forMs = (memory: typeof EMPTY_MEMORY, observation: typeof lost, nowMs: number) =>
  sameAnswerForMs(memory, observation, id(1), nowMs);

test('an answer counts from when it was first given without interruption (R19)', () => {
  let memory = remember(EMPTY_MEMORY, lost, 1_000);
  memory = remember(memory, lost, 9_000);
  expect(forMs(memory, lost, 10_000)).toBe(9_000);
  for (const interruption of [observe({ 1: present() }), observe({ 1: SILENT }), new Map()]) {
    const interrupted = remember(remember(memory, interruption, 11_000), lost, 12_000);
    expect(forMs(interrupted, lost, 13_000)).toBe(1_000);
  }
});

test('what was never read, or reads otherwise now, counts for nothing', () => {
  expect(forMs(EMPTY_MEMORY, lost, 5_000)).toBe(0);
  const present1 = observe({ 1: present() });
  expect(forMs(remember(EMPTY_MEMORY, present1, 0), lost, 50_000)).toBe(0);
  expect(forMs(remember(EMPTY_MEMORY, lost, 0), new Map(), 50_000)).toBe(0);
});

test('not understood is as silent as not answering; a new generation is a new answer', () => {
  const silent = observe({ 1: SILENT });
  const memory = remember(remember(EMPTY_MEMORY, observe({ 1: UNCLEAR }), 0), silent, 5_000);
  expect(forMs(memory, silent, 6_000)).toBe(6_000);
  const at = (generation: number) => observe({ 1: present({ membership: configuration(generation, [1]) }) });
  const changed = remember(remember(EMPTY_MEMORY, at(1), 0), at(2), 5_000);
  expect(forMs(changed, at(2), 6_000)).toBe(1_000);
});

test('ground is held against a round at least 5 s back (R4)', () => {
  const before = remember(EMPTY_MEMORY, observe({ 1: present({ term: 4, lastLogTerm: 3, flushLsn: 100 }) }), 0);
  const held = (values: Parameters<typeof statusOf>[0], nowMs = ROUND_DISTANCE_MS) =>
    groundHeld(before, new Map([[id(1), statusOf(values)]]), nowMs);
  expect(held({ term: 4, flushLsn: 100, commitLsn: 0 })).toBe('Held');
  expect(held({ term: 4, lastLogTerm: 4, flushLsn: 50 })).toBe('Held');
  expect(held({ term: 4, flushLsn: 100 }, ROUND_DISTANCE_MS - 1)).toBe('TooEarly');
  expect(held({ term: 3, flushLsn: 100 })).toBe('LostGround');
  expect(held({ term: 4, flushLsn: 99 })).toBe('LostGround');
  expect(held({ term: 4, lastLogTerm: 2, flushLsn: 500 })).toBe('LostGround');
  expect(groundHeld(before, new Map([[id(2), statusOf()]]), 60_000)).toBe('TooEarly');
});

test('however often it is read, few rounds are kept, and one that is far enough back as soon as there was one', () => {
  const visits = fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 7_000 }), status: statuses(fc.constant(configuration(1, [1]))) }),
    {
      maxLength: 60,
    },
  );
  fc.assert(
    fc.property(visits, (list) => {
      let memory = EMPTY_MEMORY;
      let nowMs = 0;
      for (const { afterMs, status } of list) {
        nowMs += afterMs;
        memory = remember(memory, observe({ 1: { kind: 'Status', status } }), nowMs);
        const firstMs = list[0]?.afterMs ?? 0;
        expect(memory.rounds.length).toBeLessThanOrEqual(7);
        expect(memory.rounds.some(({ atMs }) => nowMs - atMs >= ROUND_DISTANCE_MS)).toBe(
          nowMs - firstMs >= ROUND_DISTANCE_MS,
        );
      }
    }),
  );
});
