import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Lsn, lsn, parseLsn } from '../../src/domain/lsn.ts';
import {
  isWalSegmentSize,
  parseSegmentFileName,
  partialSegmentFileName,
  segmentCount,
  segmentFileName,
  segmentNumber,
  segmentsOf,
  segmentStart,
  snapshotSegmentRange,
} from '../../src/safekeeper/wal-segment.ts';
import { lsns, walSegmentSizes } from '../support/arbitraries.ts';

const MIB = 1024 * 1024;

test('segment sizes are powers of two from 1 MiB to 1 GiB', () => {
  expect([MIB, 16 * MIB, 1024 * MIB].every(isWalSegmentSize)).toBe(true);
  expect([0, 1, 512 * 1024, 3 * MIB, 2048 * MIB, -MIB, MIB + 0.5, Number.NaN].some(isWalSegmentSize)).toBe(false);
});

describe('segment file names', () => {
  test.each([
    ['0/466DF60', MIB, '000000010000000000000046'],
    ['0/466DF60', 16 * MIB, '000000010000000000000004'],
    ['1/0', 16 * MIB, '000000010000000100000000'],
    ['FFFFFFFF/FFFFFFFF', 16 * MIB, '00000001FFFFFFFF000000FF'],
    ['FFFFFFFF/FFFFFFFF', 1024 * MIB, '00000001FFFFFFFF00000003'],
  ])('%s in segments of %i bytes is in %s', (position, size, name) => {
    expect(segmentFileName(segmentNumber(at(position), size), size)).toBe(name);
  });

  test('reading gives back what was written', () => {
    fc.assert(
      fc.property(lsns(), walSegmentSizes(), (position, size) => {
        const segment = segmentNumber(position, size);
        expect(parseSegmentFileName(segmentFileName(segment, size), size)).toEqual({ segment, isPartial: false });
        expect(parseSegmentFileName(partialSegmentFileName(segment, size), size)).toEqual({ segment, isPartial: true });
        expect(segmentStart(segment, size) <= position).toBe(true);
        expect(position - segmentStart(segment, size) < BigInt(size)).toBe(true);
      }),
    );
  });

  test.each([
    'safekeeper.control',
    '../000000010000000000000046',
    '000000020000000000000046',
    '00000001000000000000004a',
    '00000001000000000000004',
    '0000000100000000000000460',
    '000000010000000000000046.part',
    '000000010000000000000046.partial.partial',
    '000000010000000000000046\n',
    '000000010000000000001000',
    '',
  ])('%j is not one', (name) => expect(parseSegmentFileName(name, MIB)).toBeUndefined());
});

describe('the segments of a snapshot', () => {
  const range = (remoteConsistent: string, backup: string, flush: string) =>
    snapshotSegmentRange({
      remoteConsistentLsn: at(remoteConsistent),
      backupLsn: at(backup),
      flushLsn: at(flush),
      walSegmentSize: MIB,
    });

  test('run from the lesser of remote_consistent_lsn and backup_lsn to the last byte', () => {
    expect(range('0/466DF60', '0/4800000', '0/4800030')).toEqual({ first: 0x46n, last: 0x48n });
    expect(range('0/4800030', '0/4700000', '0/4800030')).toEqual({ first: 0x47n, last: 0x48n });
  });

  test('end with the full segment when flush_lsn is a segment boundary', () => {
    expect(range('0/466DF60', '0/4800000', '0/4900000')).toEqual({ first: 0x46n, last: 0x48n });
  });

  test('are none when a position is 0 or all WAL is before the first', () => {
    expect(range('0/0', '0/466DF60', '0/466DF60')).toBeUndefined();
    expect(range('0/466DF60', '0/0', '0/466DF60')).toBeUndefined();
    expect(range('0/0', '0/0', '0/0')).toBeUndefined();
    expect(range('0/4900000', '0/4900000', '0/4900000')).toBeUndefined();
  });

  test('are counted and listed in order', () => {
    const three = { first: segmentNumber(at('0/4600000'), MIB), last: segmentNumber(at('0/4800000'), MIB) };
    expect(segmentCount(three)).toBe(3n);
    expect([...segmentsOf(three)]).toEqual([0x46n, 0x47n, 0x48n]);
  });
});

function at(text: string): Lsn {
  return parseLsn(text) ?? lsn(0n);
}
