import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseSafekeeperId, parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { compareLogPositions, mostAdvanced } from '../../src/domain/log-position.ts';
import { formatLsn, lsn, parseLsn } from '../../src/domain/lsn.ts';
import { generation, quorumSize, witnessBound } from '../../src/domain/membership.ts';
import { retryDelayMs } from '../../src/domain/recovery-policy.ts';
import { lastLogTerm, term, termAbove } from '../../src/domain/term.ts';
import { lsns } from '../support/arbitraries.ts';
import { configuration, id, statuses, statusOf } from './support.ts';

test('ids are 32 hex digits of either case, kept in lower case', () => {
  for (const parse of [parseTenantId, parseTimelineId]) {
    expect(parse('ABCDEF0123456789abcdef0123456789')).toBe('abcdef0123456789abcdef0123456789');
    for (const text of ['', 'a'.repeat(31), 'a'.repeat(33), 'g'.repeat(32), `${'a'.repeat(32)}\n`])
      expect(parse(text)).toBeUndefined();
  }
});

test('safekeeper ids are unsigned 64-bit numbers', () => {
  expect([parseSafekeeperId('7'), parseSafekeeperId(7), parseSafekeeperId(7n)]).toEqual([7n, 7n, 7n]);
  expect(parseSafekeeperId('18446744073709551615')).toBe(2n ** 64n - 1n);
  for (const value of ['', '-1', '1.5', '7\n', '18446744073709551616', -1, 1.5, 2 ** 53, Number.NaN, -1n, 2n ** 64n]) {
    expect(parseSafekeeperId(value)).toBeUndefined();
  }
});

test('LSNs read back as written; nothing else is one', () => {
  fc.assert(
    fc.property(lsns(), (value) => {
      expect(parseLsn(formatLsn(value))).toBe(value);
    }),
  );
  expect(formatLsn(lsn(0x466df60n))).toBe('0/466DF60');
  for (const text of ['', '0', '/0', '0/', '0/123456789', 'x/0', '0/0\n']) expect(parseLsn(text)).toBeUndefined();
  expect(() => lsn(-1n)).toThrow();
  expect(() => lsn(2n ** 64n)).toThrow();
});

test('terms and generations keep their range', () => {
  expect(() => term(2n ** 64n)).toThrow();
  expect(() => generation(2 ** 32)).toThrow();
  expect(() => generation(1.5)).toThrow();
  expect(termAbove(term(5n), 1024n)).toBe(1029n);
  expect(termAbove(term(2n ** 64n - 2n), 1024n)).toBe(2n ** 64n - 1n);
});

test('the last log term is that of the last entry that starts at or before the end of WAL', () => {
  const history = [
    { term: term(2n), lsn: lsn(10n) },
    { term: term(5n), lsn: lsn(20n) },
  ];
  expect([9n, 10n, 19n, 20n, 99n].map((end) => lastLogTerm(history, lsn(end)))).toEqual([0n, 2n, 2n, 5n, 5n]);
});

test('R1: 1 of 1, 2 of 3, 3 of 5 meet every quorum', () => {
  expect([1, 2, 3, 4, 5, 7].map(witnessBound)).toEqual([1, 1, 2, 2, 3, 4]);
  for (let n = 1; n <= 9; n++) {
    expect(witnessBound(n) + quorumSize(n)).toBe(n + 1);
    expect(2 * quorumSize(n)).toBeGreaterThan(n);
  }
});

test('R2: the log comes before the vote, the vote before the commit position', () => {
  const ordered = [
    { lastLogTerm: 1, flushLsn: 9, term: 9, commitLsn: 9 },
    { lastLogTerm: 2, flushLsn: 3, term: 9, commitLsn: 9 },
    { lastLogTerm: 2, flushLsn: 4, term: 5, commitLsn: 9 },
    { lastLogTerm: 2, flushLsn: 4, term: 6, commitLsn: 1 },
    { lastLogTerm: 2, flushLsn: 4, term: 6, commitLsn: 2 },
  ].map(statusOf);
  for (const [at, a] of ordered.entries()) {
    for (const [other, b] of ordered.entries())
      expect(Math.sign(compareLogPositions(a, b))).toBe(Math.sign(at - other));
  }
});

test('R2: the donor does not depend on the order of the candidates; of equals it is the lowest id', () => {
  const candidates = fc.uniqueArray(
    fc.record({ number: fc.nat(9), status: statuses(fc.constant(configuration(1, [1]))) }),
    { selector: ({ number }) => number, minLength: 1, maxLength: 5 },
  );
  fc.assert(
    fc.property(candidates, (list) => {
      const all = list.map(({ number, status }) => ({ ...status, id: id(number) }));
      expect(mostAdvanced(all.toReversed())).toEqual(mostAdvanced(all));
    }),
  );
  expect(mostAdvanced([5, 3, 4].map((number) => ({ ...statusOf(), id: id(number) })))?.id).toBe(id(3));
  expect(mostAdvanced([])).toBeUndefined();
});

test('retries wait 5 s, doubling, up to 5 min', () => {
  expect([1, 2, 3, 6, 7, 8, 5_000].map(retryDelayMs)).toEqual([
    5_000, 10_000, 20_000, 160_000, 300_000, 300_000, 300_000,
  ]);
});
