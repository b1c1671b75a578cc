import { crc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Lsn, lsn } from '../../src/domain/lsn.ts';
import { checkStretch } from '../../src/inspect/check-stretch.ts';
import { judgeStretches } from '../../src/inspect/check-wal.ts';
import type { TimelineFinding } from '../../src/inspect/finding.ts';
import { planStretches } from '../../src/inspect/plan-stretches.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { allocateWalBuffers, verifyWal, type WalStretch } from '../../src/safekeeper/verify-wal.ts';
import { segmentNumber } from '../../src/safekeeper/wal-segment.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SparseWal } from '../support/sparse-wal.ts';
import {
  generateWal,
  randomRecords,
  type RecordSpec,
  SYSTEM_ID,
  type WalPiece,
  type WrittenRecord,
} from '../support/wal-generator.ts';

const MIB = 1024 * 1024;
const CLUSTER_SEGMENT_BYTES = 16 * MIB;
const PG_VERSION = 160_009;
const buffers = allocateWalBuffers();
const signal = new AbortController().signal;

interface Chain {
  readonly startLsn: Lsn;
  readonly records: readonly WrittenRecord[];
  readonly pieces: readonly WalPiece[];
}

function chainOf(startLsn: Lsn, specs: Iterable<RecordSpec>): Chain {
  const records: WrittenRecord[] = [];
  const onRecord = (record: WrittenRecord) => void records.push(record);
  const options = { startLsn, segmentSize: CLUSTER_SEGMENT_BYTES, pgVersion: PG_VERSION, records: specs, onRecord };
  const pieces: WalPiece[] = [];
  for (const { lsn: at, bytes } of generateWal(options)) pieces.push({ lsn: at, bytes: Buffer.from(bytes) });
  return { startLsn, records, pieces };
}

/** What is found in the chain's files with this commit_lsn, and how many records were read. */
async function findingsIn(wal: SparseWal, chain: Chain, fileSize: number, commitLsn: Lsn) {
  const controlFile = {
    commitLsn,
    localStartLsn: chain.startLsn,
    server: { walSegmentSize: fileSize, pgVersion: PG_VERSION, systemId: SYSTEM_ID },
  } as ControlFile;
  const run = { first: segmentNumber(chain.startLsn, fileSize), last: wal.lastSegment };
  const stretches = planStretches(controlFile, run);
  const checked = [];
  for (const stretch of stretches) checked.push(await checkStretch(wal, stretch, buffers, signal));
  const recordCount = checked.reduce((sum, { verified }) => sum + verified.recordCount, 0);
  return {
    stretches,
    recordCount,
    endLsn: checked.at(-1)?.verified.endLsn,
    findings: judgeStretches(stretches, checked),
  };
}

describe('a sound chain', () => {
  test('is sound in stretches of any cut, and every record is read once', async () => {
    const cuts = new Set<number>();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(),
        // In units of 8 bytes before a cut; records of any length go on behind it.
        fc.nat(20_000),
        fc.constantFrom(MIB, 4 * MIB, 16 * MIB, 64 * MIB),
        fc.option(fc.nat(100), { freq: 3 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        async (seed, before, fileSize, switchAt, commitAt) => {
          const specs: RecordSpec[] = [...randomRecords(seededRandom(seed), 150, 3 * MIB)];
          if (switchAt !== null) specs[switchAt] = { kind: 'Switch' };
          const chain = chainOf(lsn(BigInt(128 * MIB - 8 * before)), specs);
          const wal = new SparseWal(fileSize, chain.pieces);
          const committed = chain.records[Math.floor(commitAt * chain.records.length) - 1];
          const commitLsn = committed?.endLsn ?? chain.startLsn;
          const found = await findingsIn(wal, chain, fileSize, commitLsn);
          cuts.add(found.stretches.length);
          // A commit at the start of a segment that nothing has been written to yet has no file to be in.
          if (segmentNumber(commitLsn, fileSize) > wal.lastSegment) return;
          expect(found.findings).toEqual([]);
          expect(found.recordCount).toBe(chain.records.length);
          expect(found.endLsn).toBe(chain.records.at(-1)?.endLsn);
        },
      ),
      { numRuns: 60 },
    );
    expect(Math.max(...cuts)).toBe(3);
  });
});

describe('a record with a right checksum that was written at another time', () => {
  /** The chain with one record that says that another one than the last came before it. */
  async function withWrongLink(
    startLsn: Lsn,
    index: number,
    commit: number,
  ): Promise<[WrittenRecord, TimelineFinding[]]> {
    const chain = chainOf(
      startLsn,
      Array.from({ length: 400 }, () => ({ kind: 'Data', sizeBytes: 200 })),
    );
    const record = chain.records[index] as WrittenRecord;
    expect(record.dataEndLsn - record.startLsn).toBe(200n);
    const stale = Buffer.concat(chain.pieces.flatMap((piece) => cut(piece, record.startLsn, 200)));
    stale.writeBigUInt64LE(record.startLsn - 4096n, 8);
    stale.writeUInt32LE(crc32c(stale.subarray(0, 20), crc32c(stale.subarray(24))), 20);
    const wal = new SparseWal(MIB, [...chain.pieces, { lsn: record.startLsn, bytes: stale }]);
    const { findings } = await findingsIn(wal, chain, MIB, chain.records[commit]?.endLsn ?? startLsn);
    return [record, findings];
  }

  const oddity = ({ startLsn }: WrittenRecord) => ({
    kind: 'PreviousRecord',
    lsn: startLsn,
    statedLsn: startLsn - 4096n,
  });

  test('is found by its link', async () => {
    const [record, findings] = await withWrongLink(lsn(BigInt(32 * MIB)), 5, 399);
    expect(findings).toMatchObject([{ kind: 'WalOdd', oddity: oddity(record) }]);
  });

  test('is found where commit_lsn cuts the chain in front of it', async () => {
    const [record, findings] = await withWrongLink(lsn(BigInt(32 * MIB)), 8, 7);
    expect(findings).toMatchObject([{ kind: 'WalOdd', oddity: oddity(record) }]);
  });
});

describe('where stretches meet', () => {
  const CUT = lsn(BigInt(128 * MIB));
  const CONTRECORD_FLAG = lsn(CUT + 2n);
  const REMAINING_BYTES = lsn(CUT + 16n);
  /** The first record fills its page up to the cut, but for so many bytes. */
  const chainBefore = (freeBytes: number) =>
    chainOf(lsn(CUT - 4_000n), [
      { kind: 'Data', sizeBytes: 4_000 - freeBytes },
      ...Array.from({ length: 100 }, (): RecordSpec => ({ kind: 'Data', sizeBytes: 200 })),
    ]);

  test('a record that goes on there, but not by the page, is found once', async () => {
    const chain = chainBefore(104);
    const wal = new SparseWal(MIB, chain.pieces);
    wal.flipBit(CONTRECORD_FLAG, 0);
    const commitLsn = chain.records.at(-1)?.endLsn as Lsn;
    const { findings, stretches } = await findingsIn(wal, chain, MIB, commitLsn);
    expect(stretches).toHaveLength(3);
    const at = { recordLsn: chain.records[1]?.startLsn, lsn: CUT, problem: 'Continuation' };
    expect(findings).toEqual([{ kind: 'WalDamaged', at }]);
  });

  test('a page that goes on with a record that has ended is found', async () => {
    const chain = chainBefore(0);
    const wal = new SparseWal(MIB, chain.pieces);
    wal.flipBit(CONTRECORD_FLAG, 0);
    // 200: the first record of the page is passed over.
    for (const bit of [3, 6, 7]) wal.flipBit(REMAINING_BYTES, bit);
    const commitLsn = chain.records.at(-1)?.endLsn as Lsn;
    const { findings } = await findingsIn(wal, chain, MIB, commitLsn);
    expect(findings).toEqual([{ kind: 'WalDamaged', at: { recordLsn: CUT, lsn: CUT, problem: 'Continuation' } }]);
  });

  test('a switch record that goes on there is nothing wrong', async () => {
    const specs: RecordSpec[] = [{ kind: 'Data', sizeBytes: 3_992 }, { kind: 'Switch' }];
    for (let index = 0; index < 100; index++) specs.push({ kind: 'Data', sizeBytes: 200 });
    const chain = chainOf(lsn(CUT - 4_000n), specs);
    expect(chain.records[1]?.startLsn).toBe(CUT - 8n);
    const wal = new SparseWal(CLUSTER_SEGMENT_BYTES, chain.pieces);
    const found = await findingsIn(wal, chain, CLUSTER_SEGMENT_BYTES, chain.records.at(-1)?.endLsn as Lsn);
    expect(found.stretches).toHaveLength(3);
    expect(found.findings).toEqual([]);
    expect(found.recordCount).toBe(chain.records.length);
  });

  test('commit_lsn right behind a switch record is a boundary, inside of it is none', async () => {
    const specs: RecordSpec[] = [{ kind: 'Data', sizeBytes: 200 }, { kind: 'Switch' }];
    const chain = chainOf(lsn(BigInt(32 * MIB)), specs);
    const wal = new SparseWal(CLUSTER_SEGMENT_BYTES, chain.pieces);
    const { startLsn, dataEndLsn } = chain.records[1] as WrittenRecord;
    const at = async (commitLsn: Lsn) => (await findingsIn(wal, chain, CLUSTER_SEGMENT_BYTES, commitLsn)).findings;
    expect(await at(dataEndLsn)).toEqual([]);
    expect(await at(lsn(startLsn + 8n))).toMatchObject([{ kind: 'CommitInsideRecord', commitLsn: startLsn + 8n }]);
  });

  test('a record with a wrong link right behind is found', async () => {
    const chain = chainBefore(0);
    const record = chain.records[1] as WrittenRecord;
    const bytes = Buffer.concat(chain.pieces.flatMap((piece) => cut(piece, record.startLsn, 200)));
    bytes.writeBigUInt64LE(8n, 8);
    bytes.writeUInt32LE(crc32c(bytes.subarray(0, 20), crc32c(bytes.subarray(24))), 20);
    const wal = new SparseWal(MIB, [...chain.pieces, { lsn: record.startLsn, bytes }]);
    const { findings } = await findingsIn(wal, chain, MIB, chain.records.at(-1)?.endLsn as Lsn);
    const expectedLsn = chain.records[0]?.startLsn;
    const oddity = { kind: 'PreviousRecord', lsn: record.startLsn, statedLsn: 8n, expectedLsn };
    expect(findings).toEqual([{ kind: 'WalOdd', oddity }]);
  });
});

test('a stretch that ends inside the file of its limit reads no further', async () => {
  const chain = chainOf(
    lsn(BigInt(32 * MIB)),
    Array.from({ length: 100 }, () => ({ kind: 'Data', sizeBytes: 200 })),
  );
  const limitLsn = chain.records[49]?.endLsn as Lsn;
  const stretch: WalStretch = {
    startLsn: chain.startLsn,
    insideRecord: false,
    limitLsn,
    walSegmentSize: MIB,
    pgVersion: PG_VERSION,
    systemId: SYSTEM_ID,
  };
  const bounds = { breakCountMax: 4, oddityCountMax: 4 };
  const verified = await verifyWal(new SparseWal(MIB, chain.pieces), stretch, buffers, bounds, signal);
  expect(verified).toMatchObject({
    endLsn: limitLsn,
    recordCount: 50,
    breaks: [],
    oddities: [],
    boundaryLsn: chain.startLsn,
  });
});

test('what is remembered of a wholly damaged stretch is bounded, and what was not read is named', async () => {
  const chain = chainOf(lsn(BigInt(32 * MIB)), randomRecords(seededRandom(1), 3_000, 100_000));
  const damage = chain.pieces.map(({ lsn: at, bytes }) => ({ lsn: at, bytes: Buffer.alloc(bytes.length, 0x5a) }));
  const wal = new SparseWal(MIB, damage);
  const limitLsn = chain.records.at(-1)?.endLsn as Lsn;
  const common = { walSegmentSize: MIB, pgVersion: PG_VERSION, systemId: SYSTEM_ID };
  const stretch: WalStretch = { ...common, startLsn: chain.startLsn, insideRecord: true, limitLsn };
  const bounds = { breakCountMax: 2, oddityCountMax: 2 };
  const verified = await verifyWal(wal, stretch, buffers, bounds, signal);
  expect(verified.breaks).toHaveLength(2);
  expect(new Set(verified.breaks.map(({ problem }) => problem))).toEqual(new Set(['PageMagic']));
  // Of three files, with one each.
  expect(verified.unreadLsn).toBe(BigInt(34 * MIB));
  const findings = judgeStretches([stretch], [{ verified, recordBehindEndLsn: undefined }]);
  expect(findings.filter(({ kind }) => kind === 'WalUnread')).toEqual([
    { kind: 'WalUnread', fromLsn: BigInt(34 * MIB), toLsn: limitLsn },
  ]);
});

/** The part of the piece that lies in `[start, start + sizeBytes)`. */
function cut({ lsn: at, bytes }: WalPiece, start: bigint, sizeBytes: number): Buffer[] {
  const from = Number(start - at);
  const part = Buffer.from(bytes.subarray(Math.max(0, from), Math.max(0, from + sizeBytes)));
  return part.length === 0 ? [] : [part];
}
