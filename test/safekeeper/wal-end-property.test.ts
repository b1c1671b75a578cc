import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLsn, type Lsn, lsn } from '../../src/domain/lsn.ts';
import { findWalEnd } from '../../src/safekeeper/wal-end.ts';
import { segmentNumber, segmentStart } from '../../src/safekeeper/wal-segment.ts';
import { walSegmentSizes } from '../support/arbitraries.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SparseWal } from '../support/sparse-wal.ts';
import { generateWal, randomRecords, type RecordSpec, type WrittenRecord } from '../support/wal-generator.ts';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;

interface Chain {
  readonly pgVersion: number;
  /** Of the files. */
  readonly fileSize: number;
  readonly startLsn: Lsn;
  readonly records: readonly WrittenRecord[];
  readonly wal: SparseWal;
}

/** Sizes around every boundary that matters: the least, the page, the chunk. */
const recordSpecs: fc.Arbitrary<RecordSpec> = fc.oneof(
  { weight: 30, arbitrary: fc.integer({ min: 24, max: 300 }).map(data) },
  { weight: 6, arbitrary: fc.integer({ min: 7_900, max: 8_400 }).map(data) },
  { weight: 3, arbitrary: fc.integer({ min: 300, max: 60_000 }).map(data) },
  { weight: 1, arbitrary: fc.integer({ min: MIB - 9_000, max: 2 * MIB }).map(data) },
  { weight: 1, arbitrary: fc.constant<RecordSpec>({ kind: 'Switch' }) },
);

/** WAL of a cluster with segments of any size in files of that size, or of 16 MiB in files of any size. */
const chains: fc.Arbitrary<Chain> = fc
  .record({
    major: fc.integer({ min: 14, max: 17 }),
    size: walSegmentSizes(),
    ofCluster: fc.boolean(),
    segment: fc.bigInt({ min: 2n, max: 2_000n }),
    // In units of 8 bytes before the end of the segment: near enough to cross it.
    before: fc.oneof(fc.integer({ min: 0, max: 8 }), fc.constant(1024), fc.integer({ min: 0, max: 20_000 })),
    specs: fc.array(recordSpecs, { minLength: 1, maxLength: 60 }),
  })
  .map(({ major, size, ofCluster, segment, before, specs }) => {
    const startLsn = lsn(segment * BigInt(size) - BigInt(before) * 8n);
    const records: WrittenRecord[] = [];
    const pieces = generateWal({
      startLsn,
      segmentSize: ofCluster ? size : 16 * MIB,
      pgVersion: major * 10_000 + 3,
      records: specs,
      onRecord: (record) => records.push(record),
      wholeFirstSegment: ofCluster,
    });
    const wal = new SparseWal(size, pieces);
    return { pgVersion: major * 10_000 + 3, fileSize: size, startLsn, records, wal };
  });

/** A fraction chooses one of the records, whatever their number. */
const fractions = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const runs = { numRuns: 100 };

describe('a generated chain of records', () => {
  test('is found whole from every kind of start: a record, the end of the one before', async () => {
    await fc.assert(
      fc.asyncProperty(chains, fractions, async (chain, fraction) => {
        const index = chosen(chain, fraction);
        const last = chain.records.at(-1)?.endLsn;
        expect(await endFrom(chain, recordAt(chain, index).startLsn)).toBe(last);
        expect(await endFrom(chain, boundaryBefore(chain, index))).toBe(last);
      }),
      runs,
    );
  });

  test('ends before the first record that a zeroed tail reaches', async () => {
    await fc.assert(
      fc.asyncProperty(chains, fractions, fractions, async (chain, first, second) => {
        const [start, torn] = [chosen(chain, first), chosen(chain, second)].sort((a, b) => a - b) as [number, number];
        const record = recordAt(chain, torn);
        const from = lsn(record.startLsn + BigInt(Math.floor(Number(record.dataEndLsn - record.startLsn) * second)));
        chain.wal.fillFrom(from, Buffer.alloc(1));
        expect(await endFrom(chain, boundaryBefore(chain, start))).toBe(boundaryBefore(chain, torn));
      }),
      runs,
    );
  });

  test('ends before a record with a flipped bit', async () => {
    await fc.assert(
      fc.asyncProperty(chains, fractions, fc.nat(63), async (chain, fraction, bit) => {
        const damaged = chosen(chain, fraction);
        chain.wal.flipBit(lsn(recordAt(chain, damaged).startLsn + BigInt(bit >> 3)), bit & 7);
        expect(await endFrom(chain, chain.startLsn)).toBe(boundaryBefore(chain, damaged));
      }),
      runs,
    );
  });

  test('ends where it ends when garbage follows', async () => {
    await fc.assert(
      fc.asyncProperty(chains, fc.nat(), async (chain, seed) => {
        const random = seededRandom(seed);
        const garbage = Buffer.from(Array.from({ length: 1_000 }, () => Math.floor(random() * 256)));
        const last = recordAt(chain, chain.records.length - 1);
        chain.wal.fillFrom(last.dataEndLsn, garbage);
        expect(await endFrom(chain, chain.startLsn)).toBe(last.endLsn);
      }),
      runs,
    );
  });

  test('ends before the first record that a missing file holds a part of', async () => {
    await fc.assert(
      fc.asyncProperty(chains, async (chain) => {
        const { wal, fileSize } = chain;
        const missing = wal.lastSegment;
        wal.removeFile(missing);
        const cut = segmentStart(missing, fileSize);
        const whole = chain.records.findLast(({ dataEndLsn }) => dataEndLsn <= cut);
        expect(await endFrom(chain, chain.startLsn)).toBe(whole?.endLsn ?? chain.startLsn);
      }),
      runs,
    );
  });
});

test('a page address of another place ends the WAL, whatever the checksums say', async () => {
  const records: WrittenRecord[] = [];
  const startLsn = lsn(3n * BigInt(MIB) + 0x2000n);
  const options = {
    segmentSize: 16 * MIB,
    pgVersion: 170_000,
    onRecord: (record: WrittenRecord) => records.push(record),
  };
  const specs = Array.from({ length: 200 }, () => data(128));
  const wal = new SparseWal(MIB, generateWal({ ...options, startLsn, records: specs }));
  wal.flipBit(lsn(startLsn + 8192n + 13n), 0);
  const lastOnFirstPage = records.findLast(({ dataEndLsn }) => dataEndLsn <= startLsn + 8192n);
  const chain = { pgVersion: 170_000, fileSize: MIB, startLsn, records, wal };
  expect(await endFrom(chain, startLsn)).toBe(lastOnFirstPage?.endLsn);
});

test('a damaged segment size in a header does not move the end of a switched segment', async () => {
  const startLsn = lsn(32n * BigInt(MIB));
  const options = { segmentSize: 16 * MIB, pgVersion: 160_000, onRecord: () => undefined };
  const records: RecordSpec[] = [data(100), { kind: 'Switch' }];
  const wal = new SparseWal(MIB, generateWal({ ...options, startLsn, records }));
  // 16 MiB becomes 1 GiB.
  wal.flipBit(lsn(startLsn + 35n), 0);
  wal.flipBit(lsn(startLsn + 35n), 6);
  const chain = { pgVersion: 160_000, fileSize: MIB, startLsn, records: [], wal };
  expect(formatLsn(await endFrom(chain, startLsn))).toBe('0/3000000');
});

test('a long chain of records as they are in life is read through several files', async () => {
  let last = lsn(0n);
  const startLsn = lsn(16n * BigInt(MIB) + 40n);
  const pieces = generateWal({
    startLsn,
    segmentSize: 16 * MIB,
    pgVersion: 160_000,
    records: randomRecords(seededRandom(16), 20_000, 300_000),
    onRecord: ({ endLsn }) => {
      last = endLsn;
    },
  });
  const wal = new SparseWal(MIB, pieces);
  expect(segmentNumber(last, MIB) - segmentNumber(startLsn, MIB)).toBeGreaterThan(20n);
  const end = await endFrom({ pgVersion: 160_000, fileSize: MIB, startLsn, records: [], wal }, startLsn);
  expect(formatLsn(end)).toBe(formatLsn(last));
});

function data(sizeBytes: number): RecordSpec {
  return { kind: 'Data', sizeBytes };
}

function chosen(chain: Chain, fraction: number): number {
  return Math.floor(fraction * chain.records.length);
}

function recordAt(chain: Chain, index: number): WrittenRecord {
  const record = chain.records[index];
  if (record === undefined) throw new Error(`no record ${index}`);
  return record;
}

function boundaryBefore(chain: Chain, index: number): Lsn {
  return index === 0 ? chain.startLsn : recordAt(chain, index - 1).endLsn;
}

async function endFrom({ wal, fileSize, pgVersion }: Chain, startLsn: Lsn): Promise<Lsn> {
  return await findWalEnd({ source: wal, startLsn, walSegmentSize: fileSize, pgVersion, signal });
}
