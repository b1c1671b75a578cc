import { describe, expect, test } from 'vitest';
import {
  archiveBehind,
  type ArchivedReplica,
  type ComparedDonor,
  refuseArchive,
} from '../../src/domain/archive-rules.ts';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import { INVALID_LSN, lsn } from '../../src/domain/lsn.ts';
import { generation } from '../../src/domain/membership.ts';
import { term } from '../../src/domain/term.ts';

const DONOR = 2n as SafekeeperId;
const HISTORY = [
  { term: term(3n), lsn: lsn(0x100n) },
  { term: term(5n), lsn: lsn(0x200n) },
];

const replica = { lastLogTerm: term(5n), flushLsn: lsn(0x300n), termHistory: HISTORY, generation: generation(4) };

function refuse(archive: Partial<ArchivedReplica>, donor: Partial<ComparedDonor> = {}): string | undefined {
  return refuseArchive({ ...replica, ...archive }, { ...replica, id: DONOR, ...donor });
}

describe('the log of an archive', () => {
  const end = (lastLogTerm: bigint, flush: bigint) => ({ lastLogTerm: term(lastLogTerm), flushLsn: lsn(flush) });

  test.each([
    ['as long', end(5n, 0x300n), true],
    ['longer', end(5n, 0x308n), true],
    ['of a later term and longer', end(6n, 0x308n), true],
    ['of a later term and as long', end(6n, 0x300n), true],
    ['shorter', end(5n, 0x2f8n), false],
    ['longer, but of an earlier term', end(4n, 0x400n), false],
    ['of a later term, but shorter', end(6n, 0x2f8n), false],
  ])('that is %s', (_what, archive, isEnough) => {
    expect(archiveBehind(archive, end(5n, 0x300n), DONOR) === undefined).toBe(isEnough);
  });

  test('that is too old is told with both ends', () => {
    expect(archiveBehind(end(5n, 0x2f8n), end(5n, 0x300n), DONOR)).toContain(
      'its log ends at 0/2F8 in term 5, that of safekeeper 2 at 0/300 in term 5',
    );
  });
});

describe('an archive', () => {
  test('that is what the donor has is taken', () => expect(refuse({})).toBeUndefined());

  test('that is too old is refused', () => expect(refuse({ flushLsn: lsn(0x2f8n) })).toContain('too old'));

  test('of an older configuration is taken, of one that nobody knows refused', () => {
    expect(refuse({ generation: generation(0) })).toBeUndefined();
    expect(refuse({ generation: generation(5) })).toContain('generation 5, but the peers only know of 4');
  });

  test('without WAL is taken where nobody has any, with WAL refused', () => {
    const empty = { flushLsn: INVALID_LSN, lastLogTerm: term(0n), termHistory: [] };
    expect(refuse(empty, empty)).toBeUndefined();
    expect(refuse({}, empty)).toContain('No peer has any WAL');
  });

  test('with another history of the same term is refused', () => {
    const other = [
      { term: term(3n), lsn: lsn(0x100n) },
      { term: term(5n), lsn: lsn(0x208n) },
    ];
    expect(refuse({ termHistory: other })).toContain('(5 from 0/208; 5 from 0/200)');
    const missing = HISTORY.slice(1);
    expect(refuse({}, { termHistory: missing })).toContain('same history of terms');
  });

  test('may know less of what came later, or have a later term of its own', () => {
    const later = [...HISTORY, { term: term(8n), lsn: lsn(0x900n) }];
    expect(refuse({}, { termHistory: later })).toBeUndefined();
    expect(refuse({ termHistory: later })).toBeUndefined();
    const own = [...HISTORY, { term: term(6n), lsn: lsn(0x280n) }];
    expect(refuse({ termHistory: own, lastLogTerm: term(6n) })).toBeUndefined();
  });
});
