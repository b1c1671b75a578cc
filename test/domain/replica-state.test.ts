import { expect, test } from 'vitest';
import { NO_EVIDENCE, type Observation } from '../../src/domain/observation.ts';
import { judgeReplicas, readTooEarly } from '../../src/domain/replica-state.ts';
import {
  CORRUPT,
  configuration,
  DELETED,
  id,
  ids,
  LOST,
  observe,
  present,
  SILENT,
  type StatusValues,
  statusOf,
  UNCLEAR,
} from './support.ts';

const states = (observation: Observation, recorded: Parameters<typeof judgeReplicas>[2] = new Map()) =>
  judgeReplicas(ids(1, 2, 3, 4, 5), observation, recorded, NO_EVIDENCE).map(({ state }) => state);
const NONE = { 1: SILENT, 2: SILENT, 3: SILENT, 4: SILENT, 5: SILENT };
const first = (values: StatusValues, peers: Parameters<typeof observe>[0] = {}) =>
  states(observe({ ...NONE, 1: present(values), ...peers }))[0];

test('every answer has its state, and whoever was not read is unknown', () => {
  expect(states(observe({ 1: present(), 2: LOST, 3: CORRUPT, 4: DELETED, 5: SILENT }))).toEqual([
    'Present',
    'Lost',
    'Corrupt',
    'Deleted',
    'Unreachable',
  ]);
  expect(states(observe({ 1: UNCLEAR }))).toEqual(['Unknown', 'Unknown', 'Unknown', 'Unknown', 'Unknown']);
});

test('R8: hollow is who has less than a peer knows that everybody had', () => {
  expect(first({ flushLsn: 100 }, { 2: present({ peerHorizonLsn: 100 }) })).toBe('Present');
  expect(first({ flushLsn: 100 }, { 2: present({ peerHorizonLsn: 101 }) })).toBe('Hollow');
  expect(first({ flushLsn: 100, peerHorizonLsn: 101 })).toBe('Present');
  expect(first({ flushLsn: 0 }, { 2: present() })).toBe('Hollow');
  expect(first({ flushLsn: 0 }, { 2: present({ flushLsn: 0 }) })).toBe('Present');
});

test('R8: regressed is who has less than was recorded of it under the same generation', () => {
  const membership = configuration(3, [1, 2, 3, 4, 5]);
  const now = (values: StatusValues) => {
    const recorded = new Map([
      [id(1), { ...statusOf({ term: 5, lastLogTerm: 4, flushLsn: 100 }), generation: membership.generation }],
    ]);
    return states(
      observe({ ...NONE, 1: present({ membership, term: 5, lastLogTerm: 4, flushLsn: 100, ...values }) }),
      recorded,
    )[0];
  };
  expect(now({})).toBe('Present');
  expect(now({ term: 4 })).toBe('Hollow');
  expect(now({ flushLsn: 99 })).toBe('Hollow');
  expect(now({ flushLsn: 99, lastLogTerm: 5 })).toBe('Present');
  expect(now({ term: 4, membership: configuration(4, [1, 2, 3, 4, 5]) })).toBe('Present');
});

test('R8: who only looks hollow because a peer was read later is to be read again', () => {
  const answers = { 1: present({ flushLsn: 100 }), 2: present({ peerHorizonLsn: 120 }), 3: LOST };
  expect(readTooEarly(observe(answers))).toEqual(ids(1));
  const again = new Map(observe(answers, 0));
  for (const [key, reading] of observe({ 1: present({ flushLsn: 110 }) }, 1_000)) again.set(key, reading);
  expect(readTooEarly(again)).toEqual([]);
  expect(readTooEarly(observe({ 1: present(), 2: present() }))).toEqual([]);
});
