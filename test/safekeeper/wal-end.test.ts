import { describe, expect, test } from 'vitest';
import { formatLsn, type Lsn, lsn, parseLsn } from '../../src/domain/lsn.ts';
import { findWalEnd } from '../../src/safekeeper/wal-end.ts';
import { listFixtures, readGzipFixture, readJsonFixture } from '../support/fixtures.ts';
import { readTarFixture } from '../support/tar-fixtures.ts';
import { memoryWalSource, type WalFiles } from '../support/wal-memory.ts';

const MIB = 1024 * 1024;
const signal = new AbortController().signal;

type Operation =
  | readonly ['overwrite', string, number, string]
  | readonly ['zero_from', string, number]
  | readonly ['zero_range', string, number, number]
  | readonly ['truncate', string, number]
  | readonly ['delete', string]
  | readonly ['rename', string, string]
  | readonly ['create_zero', string, number];

interface SafekeeperWal {
  readonly start_lsn: string;
  readonly end_lsn: string;
  readonly start_up_cases: ReadonlyArray<{ name: string; ops: readonly Operation[]; flush_lsn: string }>;
}

describe('the WAL of a safekeeper, damaged in every recorded way', async () => {
  const files = await readTarFixture('wal', 'safekeeper-1m', 'files.tar.gz');
  const meta = readJsonFixture('wal', 'safekeeper-1m', 'meta.json') as SafekeeperWal;

  test('has 23 cases', () => expect(meta.start_up_cases).toHaveLength(23));

  test.each(meta.start_up_cases)('$name ends at $flush_lsn', async ({ ops, flush_lsn }) => {
    const damaged = new Map(files);
    for (const operation of ops) apply(damaged, operation);
    expect(await endOf(damaged, meta.start_lsn)).toBe(flush_lsn);
  });

  test('is found from records all over it, those at page and file boundaries above all', async () => {
    for (const { start } of sample(recordsOf('safekeeper-1m'))) expect(await endOf(files, start)).toBe(meta.end_lsn);
  });
});

interface PostgresWal {
  readonly start_lsn: string;
  readonly end_lsn: string;
  readonly variants_of_last_segment: ReadonlyArray<{ name: string; file: string; end_of_wal: string }>;
}

describe('the WAL of a Postgres cluster with 1 MiB segments', async () => {
  const files = await readTarFixture('wal', 'postgres-1m', 'files.tar.gz');
  const meta = readJsonFixture('wal', 'postgres-1m', 'meta.json') as PostgresWal;

  test('is found past a switch record and a record of 1.3 MB', async () => {
    expect(await endOf(files, meta.start_lsn)).toBe(meta.end_lsn);
  });

  test.each(meta.variants_of_last_segment.filter(({ name }) => name !== 'short-file'))(
    '$name ends at $end_of_wal',
    async ({ name, file, end_of_wal }) => {
      const variant = new Map(files).set(file, files.get(`variants/${name}/${file}`) ?? Buffer.alloc(0));
      expect(await endOf(variant, meta.start_lsn)).toBe(end_of_wal);
    },
  );

  test('is found from records all over it, those at page and file boundaries above all', async () => {
    for (const { start } of sample(recordsOf('postgres-1m'))) expect(await endOf(files, start)).toBe(meta.end_lsn);
  });

  test('short-file: pg_waldump wants whole pages, a safekeeper takes the records of half a page, too', async () => {
    const variant = meta.variants_of_last_segment.find(({ name }) => name === 'short-file');
    expect(variant?.end_of_wal).toBe('0/1607FA8');
    const file = variant?.file ?? '';
    const short = files.get(`variants/short-file/${file}`) ?? Buffer.alloc(0);
    const cut = 0x1600000n + BigInt(short.length);
    const lastWhole = recordsOf('postgres-1m').findLast(({ end }) => end <= cut) as RecordedRecord;
    expect(await endOf(new Map(files).set(file, short), meta.start_lsn)).toBe(formatLsn(lastWhole.end));
  });

  test('ends at each record of a segment when that record is torn', async () => {
    const file = '000000010000000000000014';
    const whole = files.get(file) ?? Buffer.alloc(0);
    const records = recordsOf('postgres-1m').filter(({ start }) => start >> 20n === 0x14n);
    const [first] = records as [RecordedRecord];
    for (const torn of sample(records.slice(1))) {
      const before = records[records.indexOf(torn) - 1] as RecordedRecord;
      const content = Buffer.from(whole).fill(0, Number(torn.start % BigInt(MIB)) + 4);
      expect(await endOf(new Map(files).set(file, content), first.start)).toBe(formatLsn(before.end));
    }
  });
});

describe('every recorded snapshot ends where the donor said', () => {
  interface Snapshot {
    readonly file: string | null;
    readonly control_file_in_tar?: { readonly commit_lsn: string; readonly eviction_state: unknown };
    readonly status_before?: { readonly flush_lsn: string };
  }
  const snapshots = listFixtures('snapshots', '.json')
    .map((name) => ({ name, ...(readJsonFixture('snapshots', `${name}.json`) as Snapshot) }))
    .filter((snapshot) => snapshot.control_file_in_tar?.eviction_state === 'Present' && snapshot.file);

  test.each(snapshots)('$name', async (snapshot) => {
    const files = await readTarFixture('snapshots', snapshot.file ?? '');
    const start = parseLsn(snapshot.control_file_in_tar?.commit_lsn ?? '') as Lsn;
    expect(await endOf(files, start)).toBe(snapshot.status_before?.flush_lsn);
    // From the first byte that is not zero the WAL must be whole, too.
    if (files.size > 1) expect(await endOf(files, '0/466DF60')).toBe(snapshot.status_before?.flush_lsn);
  });
});

describe('without any WAL', () => {
  test('the end is 0 when the start is', async () => expect(await endOf(new Map(), '0/0')).toBe('0/0'));
  test('the end is the start when its file is missing', async () =>
    expect(await endOf(new Map(), '0/466DF60')).toBe('0/466DF60'));
  test('the last segment of the address space is never read', async () => {
    const name = '00000001FFFFFFFF00000FFF';
    expect(await endOf(new Map([[name, Buffer.alloc(MIB)]]), 'FFFFFFFF/FFFFFFF8')).toBe('FFFFFFFF/FFFFFFF8');
  });
  test('a Postgres version whose WAL is unknown is refused by name', async () => {
    const request = { source: memoryWalSource(new Map()), startLsn: lsn(8n), walSegmentSize: MIB, signal };
    await expect(findWalEnd({ ...request, pgVersion: 130_010 })).rejects.toThrow('pg_version 130010');
  });
});

async function endOf(files: ReadonlyMap<string, Buffer>, start: string | Lsn): Promise<string> {
  const startLsn = typeof start === 'string' ? (parseLsn(start) as Lsn) : start;
  const source = memoryWalSource(files);
  return formatLsn(await findWalEnd({ source, startLsn, walSegmentSize: MIB, pgVersion: 150_020, signal }));
}

interface RecordedRecord {
  readonly start: Lsn;
  readonly end: Lsn;
}

function recordsOf(name: string): RecordedRecord[] {
  const lines = readGzipFixture('wal', name, 'records.csv.gz').toString('utf8').trim().split('\n');
  return lines.slice(1).map((line) => {
    const [start, , end] = line.split(',');
    return { start: parseLsn(start ?? '') as Lsn, end: parseLsn(end ?? '') as Lsn };
  });
}

/** Some from all over, and some of the first and last on a page. */
function sample(records: readonly RecordedRecord[]): RecordedRecord[] {
  const atBoundary = records.filter(({ start }) => start % 8192n <= 40n || start % 8192n >= 8192n - 16n);
  return [...records.filter((_, index) => index % 1_000 === 0), ...atBoundary.filter((_, index) => index % 40 === 0)];
}

function apply(files: WalFiles, [kind, name, ...args]: Operation): void {
  const content = Buffer.from(files.get(name) ?? Buffer.alloc(0));
  const [first, second] = args as [number, number | string];
  switch (kind) {
    case 'overwrite':
      Buffer.from(second as string, 'hex').copy(content, first);
      break;
    case 'zero_from':
      content.fill(0, first);
      break;
    case 'zero_range':
      content.fill(0, first, first + (second as number));
      break;
    case 'truncate':
      files.set(name, content.subarray(0, first));
      return;
    case 'delete':
      files.delete(name);
      return;
    case 'rename':
      files.delete(name);
      files.set(args[0] as string, content);
      return;
    case 'create_zero':
      files.set(name, Buffer.alloc(first));
      return;
  }
  files.set(name, content);
}
