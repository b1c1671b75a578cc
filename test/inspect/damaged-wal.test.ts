import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Lsn, lsn, parseLsn } from '../../src/domain/lsn.ts';
import { type Finding, severityOf } from '../../src/inspect/finding.ts';
import {
  parseSegmentFileName,
  segmentFileName,
  segmentNumber,
  segmentStart,
} from '../../src/safekeeper/wal-segment.ts';
import { readGzipFixture } from '../support/fixtures.ts';
import { inspect, problemsOf, type TestDirectory, testDirectory } from './inspected.ts';

const MIB = 1024 * 1024;
const PAGE = 8192n;
/** For what inspects megabytes dozens of times, also on a busy machine. */
const PATIENCE_MS = 120_000;
/** Of the recorded timeline: where its WAL starts and ends. */
const START = 0x466df60n;
const END = 0x53a00a0n;
/** Where a segment of the cluster starts, so that the header is long. */
const LONG_HEADER_PAGE = 0x5000000n;

/** The three segments around that, for tests that inspect often. */
const SHORT = { first: 0x4fn, last: 0x51n, commit: 0x5180000n };

interface Damaged {
  readonly data: TestDirectory;
  readonly directory: string;
}

let whole: Damaged;
let short: Damaged;

interface RecordedRecord {
  readonly start: bigint;
  readonly size: number;
  readonly end: bigint;
}

const records: RecordedRecord[] = readGzipFixture('wal', 'safekeeper-1m', 'records.csv.gz')
  .toString('utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => {
    const [start = '', size, end = ''] = line.split(',');
    return { start: parseLsn(start) ?? 0n, size: Number(size), end: parseLsn(end) ?? 0n };
  });

beforeAll(async () => {
  const data = await testDirectory();
  whole = { data, directory: await data.place({ snapshot: 'resident_14_segments' }) };
  short = await laidShort();
});

afterAll(async () => {
  for (const { data } of [whole, short]) await data[Symbol.asyncDispose]();
});

async function laidShort(): Promise<Damaged> {
  const data = await testDirectory();
  const horizon = lsn(SHORT.first * BigInt(MIB));
  const commitLsn = lsn(recordAt(SHORT.commit).start);
  const directory = await data.place({
    snapshot: 'resident_14_segments',
    change: (file) => ({
      ...file,
      commitLsn,
      remoteConsistentLsn: horizon,
      backupLsn: horizon,
      peerHorizonLsn: horizon,
    }),
  });
  for (const name of await readdir(directory)) {
    const segment = parseSegmentFileName(name, MIB)?.segment;
    if (segment !== undefined && (segment < SHORT.first || segment > SHORT.last)) await rm(join(directory, name));
  }
  return { data, directory };
}

/** What is found while one byte is another one; afterwards it is as it was. */
async function findingsWith(position: bigint, mask: number, where = whole, options = {}): Promise<Finding[]> {
  const file = await openSegmentOf(position, where);
  const at = Number(position % BigInt(MIB));
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  const original = byte.readUInt8(0);
  try {
    await file.write(Buffer.from([original ^ mask]), 0, 1, at);
    return problemsOf(await inspect(where.data.path, options));
  } finally {
    await file.write(Buffer.from([original]), 0, 1, at);
    await file.close();
  }
}

async function openSegmentOf(position: bigint, { directory }: Damaged): Promise<FileHandle> {
  const name = segmentFileName(segmentNumber(position as Lsn, MIB), MIB);
  try {
    return await open(join(directory, name), 'r+');
  } catch {
    return await open(join(directory, `${name}.partial`), 'r+');
  }
}

function recordAt(position: bigint): RecordedRecord {
  const record = records.findLast(({ start }) => start <= position);
  if (record === undefined) throw new Error('no record there');
  return record;
}

test('the recorded timeline is sound, and so is a part of it', async () => {
  for (const { data } of [whole, short]) expect(problemsOf(await inspect(data.path))).toEqual([]);
  expect([records[0]?.start, records.at(-1)?.end]).toEqual([START, END]);
});

describe('a flipped byte', () => {
  test(
    'anywhere in committed WAL is found, and the record that cannot be read is named',
    async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.bigInt({ min: SHORT.first * BigInt(MIB), max: recordAt(SHORT.commit).start - 1n }),
          fc.integer({ min: 1, max: 255 }),
          async (position, mask) => {
            const inPage = position % PAGE;
            // Whether full-page images may be left out of archives is the one flag that may be either way.
            fc.pre(!(inPage === 2n && mask === 4));
            const findings = await findingsWith(position, mask, short);
            expect(findings.length).toBeGreaterThan(0);
            for (const finding of findings) expect(['WalDamaged', 'WalOdd']).toContain(finding.kind);
            const [first] = findings;
            // What is in the way of the first record, which begins behind the first page header, is said of that one.
            const isInFirstPage = position < SHORT.first * BigInt(MIB) + PAGE;
            if (first?.kind === 'WalDamaged' && !isInFirstPage)
              expect(first.at.recordLsn).toBeLessThanOrEqual(position);
          },
        ),
        { numRuns: 60 },
      );
    },
    PATIENCE_MS,
  );

  const page = LONG_HEADER_PAGE + 40n * PAGE;
  test.each([
    ['a short page header inside a record', page, 24],
    ['a long page header', LONG_HEADER_PAGE, 40],
  ])(
    'in any byte of %s is found',
    async (_, address, sizeBytes) => {
      for (let offset = 0; offset < sizeBytes; offset++) {
        const findings = await findingsWith(address + BigInt(offset), 0xff, short);
        expect({ offset, found: findings.length > 0 }).toEqual({ offset, found: true });
      }
    },
    PATIENCE_MS,
  );

  test("in a link to the record before is found by that record's checksum", async () => {
    const record = recordAt((START + END) / 2n);
    const findings = await findingsWith(record.start + 8n, 0x10);
    expect(findings).toMatchObject([
      { kind: 'WalDamaged', at: { recordLsn: record.start, problem: 'RecordChecksum' } },
    ]);
  });

  test('in a record of many pages is found where that record starts', async () => {
    const long = records.find(({ size }) => size > MIB) as RecordedRecord;
    const findings = await findingsWith(long.start + 600_000n, 0x01);
    expect(findings).toMatchObject([{ kind: 'WalDamaged', at: { recordLsn: long.start, problem: 'RecordChecksum' } }]);
  });

  test('in the length of a record breaks the chain until the next file', async () => {
    const record = recordAt((START + END) / 2n);
    const findings = await findingsWith(record.start + 3n, 0x80);
    expect(findings).toMatchObject([{ kind: 'WalDamaged', at: { recordLsn: record.start, problem: 'RecordLength' } }]);
  });

  test('in the padding behind a record is found', async () => {
    const padded = records.find(({ start, size, end }) => end - start - BigInt(size) === 7n) as RecordedRecord;
    const findings = await findingsWith(padded.end - 1n, 0x01);
    expect(findings).toMatchObject([{ kind: 'WalOdd', oddity: { kind: 'Padding', lsn: padded.end - 7n } }]);
  });

  test('in the page that commit_lsn is in is found without reading all WAL', async () => {
    const findings = await findingsWith((END / PAGE) * PAGE + 1n, 0x01, whole, { deep: false });
    expect(findings).toMatchObject([{ kind: 'WalDamaged', at: { problem: 'PageMagic', lsn: (END / PAGE) * PAGE } }]);
  });

  test('of several each is found, in files of their own', async () => {
    const first = await openSegmentOf(0x4900000n, whole);
    const byte = Buffer.alloc(1);
    await first.read(byte, 0, 1, 5_000);
    await first.write(Buffer.from([byte.readUInt8(0) ^ 1]), 0, 1, 5_000);
    const findings = await findingsWith(0x5100000n + 9_000n, 0x01);
    await first.write(byte, 0, 1, 5_000);
    await first.close();
    expect(findings.map(({ kind }) => kind)).toEqual(['WalDamaged', 'WalDamaged']);
  });
});

describe('WAL that was not committed', () => {
  test('ends at a flipped byte, and a record behind it shows that it did not end there', async () => {
    await using other = await testDirectory();
    const target = await other.place({
      snapshot: 'resident_14_segments',
      change: (file) => ({ ...file, commitLsn: lsn(START) }),
    });
    const record = recordAt(0x4d12345n);
    const name = segmentFileName(segmentNumber(lsn(record.start), MIB), MIB);
    const file = await open(join(target, name), 'r+');
    await file.write(
      Buffer.from('damage'),
      0,
      6,
      Number(record.start - segmentStart(segmentNumber(lsn(record.start), MIB), MIB)) + 8,
    );
    await file.close();
    const findings = problemsOf(await inspect(other.path));
    expect(findings.map(({ kind }) => kind).sort()).toEqual(['SegmentBehindEnd', 'WalBehindEnd']);
    const behind = findings.find(({ kind }) => kind === 'WalBehindEnd') as Extract<Finding, { kind: 'WalBehindEnd' }>;
    expect(behind).toMatchObject({ endLsn: record.start, recordLsn: recordAt(record.end).start });
    // Without --deep the files behind the end say the same.
    const quick = problemsOf(await inspect(other.path, { deep: false }));
    expect(quick).toMatchObject([{ kind: 'SegmentBehindEnd', endLsn: record.start }]);
  });

  test('that a crash has torn off is nothing wrong: zeros or half a record behind its end', async () => {
    await using other = await testDirectory();
    const target = await other.place({
      snapshot: 'resident_partial',
      change: (file) => ({ ...file, commitLsn: lsn(START), remoteConsistentLsn: lsn(START), backupLsn: lsn(START) }),
    });
    const torn = recordAt(0x477ffffn);
    await rm(join(target, '000000010000000000000048.partial'));
    const file = await open(join(target, '000000010000000000000047'), 'r+');
    const from = Number((torn.start + 40n) % BigInt(MIB));
    await file.write(Buffer.alloc(MIB - from), 0, MIB - from, from);
    await file.close();
    const { timelines, findings } = await inspect(other.path);
    expect(findings.filter((finding) => severityOf(finding) === 'Problem')).toEqual([]);
    expect(timelines[0]?.wal?.endLsn).toBe(torn.start);
  });
});

test('commit_lsn inside a record is found, deep or not', async () => {
  await using other = await testDirectory();
  const record = recordAt(0x4f12345n);
  await other.place({
    snapshot: 'resident_14_segments',
    change: (file) => ({ ...file, commitLsn: lsn(record.start + 8n) }),
  });
  for (const deep of [true, false]) {
    const kinds = problemsOf(await inspect(other.path, { deep })).map(({ kind }) => kind);
    expect(kinds).toContain('CommitInsideRecord');
  }
});
