import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Lsn, lsn } from '../../src/domain/lsn.ts';
import { findWalEnd, type WalSource } from '../../src/safekeeper/wal-end.ts';
import { LONG_HEADER, WAL_PAGE_BYTES, walPageMagic } from '../../src/safekeeper/wal-page.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { SparseWal } from '../support/sparse-wal.ts';
import { generateWal, randomRecords, type RecordSpec, type WalPiece } from '../support/wal-generator.ts';
import { FUZZ_TIMEOUT_MS, fractions, fuzzRuns } from './runs.ts';

const MIB = 1024 * 1024;
const CLUSTER_SEGMENT_BYTES = 16 * MIB;
const PG_VERSION = 150_020;
const signal = new AbortController().signal;

/** Bytes that are put somewhere into the WAL. */
interface Damage {
  /** As a fraction of the WAL. */
  readonly where: number;
  /** On which multiple of so many bytes they lie. */
  readonly alignment: number;
  readonly bytes: (address: bigint) => Buffer;
}

const u32s = fc.oneof(
  fc.constantFrom(0, 1, 23, 24, 25, WAL_PAGE_BYTES, MIB, CLUSTER_SEGMENT_BYTES, 2 ** 30, 2 ** 31, 2 ** 32 - 1),
  fc.nat(2 ** 32 - 1),
);

/** A header that is right but for what it says of flags, of the record before and of the segment size. */
const pageHeaders = fc.tuple(fc.nat(15), u32s, u32s).map(([flags, remaining, segmentSize]) => (address: bigint) => {
  const header = Buffer.alloc(flags & LONG_HEADER ? 40 : 24);
  header.writeUInt16LE(walPageMagic(PG_VERSION) ?? 0, 0);
  header.writeUInt16LE(flags, 2);
  header.writeUInt32LE(1, 4);
  header.writeBigUInt64LE(address, 8);
  header.writeUInt32LE(remaining, 16);
  if (flags & LONG_HEADER) header.writeUInt32LE(segmentSize, 32);
  return header;
});
const fixed = (bytes: Uint8Array) => () => Buffer.from(bytes);
const damages: fc.Arbitrary<Damage> = fc
  .oneof(
    fc.tuple(fc.constant(WAL_PAGE_BYTES), pageHeaders),
    fc.tuple(fc.constant(MIB), pageHeaders),
    fc.tuple(
      fc.constant(8),
      u32s.map((size) => fixed(new Uint8Array(new Uint32Array([size]).buffer))),
    ),
    fc.tuple(fc.constant(1), fc.uint8Array({ maxLength: 64 }).map(fixed)),
    fc.tuple(
      fc.constant(1),
      fc.nat(200_000).map((size) => fixed(new Uint8Array(size))),
    ),
  )
  .chain(([alignment, bytes]) => fractions().map((where) => ({ where, alignment, bytes })));

test(
  'damaged WAL has an end, found by reading it once, from which there is no more WAL',
  async () => {
    const seeds = fc.tuple(fc.nat(), fc.nat(40_000), fc.option(fc.nat(200)));
    await fc.assert(
      fc.asyncProperty(seeds, fc.array(damages, { maxLength: 5 }), async ([seed, before, switchAt], list) => {
        const startLsn = lsn(64n * BigInt(MIB) - BigInt(before) * 8n);
        const records: RecordSpec[] = [...randomRecords(seededRandom(seed), 400, 300_000)];
        if (switchAt !== null) records[switchAt] = { kind: 'Switch' };
        const pieces = wholePieces(startLsn, records);
        const endLsn = lsn(pieces.reduce((_, { lsn: at, bytes }) => at + BigInt(bytes.length), 0n));
        const wal = new SparseWal(MIB, [...pieces, ...list.map((damage) => place(damage, startLsn, endLsn))]);

        const files = counting(wal);
        const found = await endFrom(files.source, startLsn);
        expect(found >= startLsn).toBe(true);
        // A switch record ends a segment whose rest need not be there.
        expect(found <= nextMultiple(endLsn)).toBe(true);
        const sizeBytes = Number((wal.lastSegment + 1n) * BigInt(MIB) - startLsn);
        expect(files.bytesRead()).toBeLessThanOrEqual(sizeBytes + MIB);
        expect(await endFrom(wal, found)).toBe(found);
      }),
      fuzzRuns(150),
    );
  },
  FUZZ_TIMEOUT_MS,
);

function wholePieces(startLsn: Lsn, records: readonly RecordSpec[]): WalPiece[] {
  const pieces: WalPiece[] = [];
  const options = { segmentSize: CLUSTER_SEGMENT_BYTES, pgVersion: PG_VERSION, onRecord: () => undefined };
  for (const { lsn: at, bytes } of generateWal({ ...options, startLsn, records })) {
    pieces.push({ lsn: at, bytes: Buffer.from(bytes) });
  }
  return pieces;
}

/** Cut at the next multiple of 1 MiB, as pieces are. */
function place({ where, alignment, bytes }: Damage, startLsn: Lsn, endLsn: Lsn): WalPiece {
  const at = startLsn + BigInt(Math.floor(where * Number(endLsn - startLsn)));
  const address = at - (at % BigInt(alignment));
  const room = MIB - Number(address % BigInt(MIB));
  return { lsn: lsn(address), bytes: bytes(address).subarray(0, room) };
}

function nextMultiple(position: Lsn): bigint {
  const size = BigInt(CLUSTER_SEGMENT_BYTES);
  return ((position + size - 1n) / size) * size;
}

function counting(wal: WalSource): { readonly source: WalSource; readonly bytesRead: () => number } {
  let bytesRead = 0;
  const source: WalSource = {
    open: async (name) => {
      const file = await wal.open(name);
      if (file === undefined) return undefined;
      return {
        readAt: (buffer, position) => {
          bytesRead += buffer.length;
          return file.readAt(buffer, position);
        },
        [Symbol.asyncDispose]: async () => await file[Symbol.asyncDispose](),
      };
    },
  };
  return { source, bytesRead: () => bytesRead };
}

function endFrom(source: WalSource, startLsn: Lsn): Promise<Lsn> {
  return findWalEnd({ source, startLsn, walSegmentSize: MIB, pgVersion: PG_VERSION, signal });
}
