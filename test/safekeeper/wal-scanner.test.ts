import { describe, expect, test } from 'vitest';
import { type Lsn, lsn } from '../../src/domain/lsn.ts';
import { findWalEnd } from '../../src/safekeeper/wal-end.ts';
import { SparseWal } from '../support/sparse-wal.ts';
import { generateWal, type RecordSpec, type WrittenRecord } from '../support/wal-generator.ts';

const MIB = 1024 * 1024;
const PAGE = 8192n;
const signal = new AbortController().signal;
const pgVersion = 140_011;
/** The first byte of a segment of the cluster and of a file. */
const startLsn = lsn(32n * BigInt(MIB));
const secondPage = startLsn + PAGE;

/** Fields of a page header, as byte offset and bit. */
const CONTRECORD_FLAG = [2n, 0] as const;
const LONG_FLAG = [2n, 1] as const;
const OVERWRITE_FLAG = [2n, 3] as const;
const TIMELINE = [4n, 1] as const;
const REMAINING_BYTES = [16n, 3] as const;

/** Five records of 3,000 bytes: the third goes on at the second page. */
const crossing = Array.from({ length: 5 }, (): RecordSpec => ({ kind: 'Data', sizeBytes: 3_000 }));
/** Fills the first page to its last byte; the next record starts behind the second page's header. */
const fitting: readonly RecordSpec[] = [
  { kind: 'Data', sizeBytes: 8192 - 40 },
  { kind: 'Data', sizeBytes: 100 },
];

describe('a record that goes on at the next page', () => {
  test.each([
    ['needs the flag that says so', CONTRECORD_FLAG],
    ['needs the length that is left', REMAINING_BYTES],
  ])('%s', async (_, field) => {
    const { end, records } = await endAfterFlip(crossing, field);
    expect(end).toBe(records[1]?.endLsn);
  });

  test('and was overwritten by Postgres ends the WAL, as in safekeepers', async () => {
    const { end, records } = await endAfterFlip(crossing, CONTRECORD_FLAG, OVERWRITE_FLAG);
    expect(end).toBe(records[1]?.endLsn);
  });
});

describe('a page between two records', () => {
  test.each([
    ['must not claim to continue one', CONTRECORD_FLAG],
    ['must not have a rest of one', REMAINING_BYTES],
  ])('%s', async (_, field) => {
    const { end } = await endAfterFlip(fitting, field);
    expect(end).toBe(secondPage);
  });

  test.each([
    ['may be of another timeline', TIMELINE],
    ['has a short header where no segment can start, whatever its flag', LONG_FLAG],
    ['may have flags that mean nothing here', OVERWRITE_FLAG],
  ])('%s', async (_, field) => {
    const { end, records } = await endAfterFlip(fitting, field);
    expect(end).toBe(records[1]?.endLsn);
  });
});

test('a file that ends right behind a short page header still completes the record before it', async () => {
  const records: WrittenRecord[] = [];
  const specs: RecordSpec[] = [{ kind: 'Data', sizeBytes: 8192 - 40 + 8 }];
  const pieces = [...generateWal({ ...options(records), records: specs })].map(({ bytes }) => Buffer.from(bytes));
  const content = Buffer.concat(pieces);
  expect(content.length).toBe(8192 + 24 + 8);
  const file = {
    readAt: (buffer: Uint8Array, position: number) => Promise.resolve(content.copy(buffer, 0, position)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const source = { open: () => Promise.resolve(file) };
  expect(await findWalEnd({ source, startLsn, walSegmentSize: 16 * MIB, pgVersion, signal })).toBe(records[0]?.endLsn);
});

async function endAfterFlip(
  specs: readonly RecordSpec[],
  ...fields: ReadonlyArray<readonly [bigint, number]>
): Promise<{ end: Lsn; records: readonly WrittenRecord[] }> {
  const records: WrittenRecord[] = [];
  const wal = new SparseWal(MIB, generateWal({ ...options(records), records: specs }));
  for (const [offset, bit] of fields) wal.flipBit(lsn(secondPage + offset), bit);
  return { end: await findWalEnd({ source: wal, startLsn, walSegmentSize: MIB, pgVersion, signal }), records };
}

function options(records: WrittenRecord[]) {
  const onRecord = (record: WrittenRecord) => void records.push(record);
  return { startLsn, segmentSize: 16 * MIB, pgVersion, onRecord };
}
