import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { formatLsn, lsn, parseLsn } from '../../src/domain/lsn.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { activeWalBytes, layTimeline } from '../bench/timelines.ts';
import { listFixtures, readJsonFixture } from '../support/fixtures.ts';
import { readTarFixture } from '../support/tar-fixtures.ts';
import { timelineId } from '../transfer/harness.ts';
import { inspect, snapshotOf, TENANT, testDirectory } from './inspected.ts';

/** Recorded for safekeeper 1, where all others are for 4. */
const OF_ANOTHER = 'offloaded_same_node';
const SNAPSHOTS = listFixtures('snapshots', '.tar.gz').filter((name) => name !== OF_ANOTHER);

test.each(['deep', 'quick'])('recorded timelines of every state are sound, and nothing changes (%s)', async (depth) => {
  await using data = await testDirectory();
  for (const [index, snapshot] of SNAPSHOTS.entries()) {
    await data.place({ snapshot, timelineId: index.toString(16).padStart(32, '0') });
  }
  const before = await snapshotOf(data.path);
  const { timelines, directory, findings } = await inspect(data.path, { deep: depth === 'deep' });
  expect(findings).toEqual([]);
  expect(directory.safekeeperId).toBe(4n);
  expect(timelines).toHaveLength(SNAPSHOTS.length);
  for (const [index, { wal }] of timelines.entries()) {
    const { status_before: status } = readJsonFixture('snapshots', `${SNAPSHOTS[index]}.json`) as Recorded;
    expect(formatLsn(wal?.endLsn ?? lsn(0n))).toBe(status.flush_lsn);
    expect(BigInt(wal?.segmentCount ?? -1)).toBe(wal?.requiredSegmentCount);
  }
  expect(await snapshotOf(data.path)).toEqual(before);
});

interface Recorded {
  readonly status_before: { readonly flush_lsn: string };
}

test('every record of what a real safekeeper wrote is read', async () => {
  await using data = await testDirectory();
  const id = timelineId(TENANT, 'a'.repeat(32));
  const directory = join(data.path, id.tenantId, id.timelineId);
  await mkdir(directory, { recursive: true });
  const files = await readTarFixture('wal', 'safekeeper-1m', 'files.tar.gz');
  const meta = readJsonFixture('wal', 'safekeeper-1m', 'meta.json') as { records: number; end_lsn: string };
  await layRecorded(directory, files);
  const { timelines, findings } = await inspect(data.path);
  expect(findings.filter(({ kind }) => kind !== 'IdsDiffer')).toEqual([]);
  expect(formatLsn(timelines[0]?.wal?.endLsn ?? lsn(0n))).toBe(meta.end_lsn);
  expect(timelines[0]?.wal?.checked?.recordCount).toBe(meta.records);
});

test('WAL of Postgres with a switched segment and a record of 1.3 MB, from the middle of a record on', async () => {
  await using data = await testDirectory();
  const meta = readJsonFixture('wal', 'postgres-1m', 'meta.json') as Record<'start_lsn' | 'end_lsn', string>;
  const files = await readTarFixture('wal', 'postgres-1m', 'files.tar.gz');
  // All segments but the first few begin inside a record, one of them with nothing else in it.
  for (const first of ['06', '07', '0A', '10', '13', '16']) {
    const id = timelineId(TENANT, first.toLowerCase().repeat(16));
    const directory = join(data.path, id.tenantId, id.timelineId);
    await mkdir(directory, { recursive: true });
    const wal = [...files].filter(([name]) => !name.startsWith('variants/') && name.slice(-2) >= first);
    await layRecorded(directory, new Map(wal));
    const end = parseLsn(meta.end_lsn) ?? lsn(0n);
    const start = lsn(BigInt(`0x${first}00000`));
    await writeFile(join(directory, CONTROL_FILE_NAME), encodeControlFile(controlFileOf(id, start, end)));
  }
  const { timelines, findings } = await inspect(data.path);
  expect(findings).toEqual([]);
  for (const { wal } of timelines) expect(formatLsn(wal?.endLsn ?? lsn(0n))).toBe(meta.end_lsn);
  const counts = timelines.map(({ wal }) => wal?.checked?.recordCount ?? 0);
  expect(counts).toEqual([...counts].sort((a, b) => b - a));
  expect(counts.at(-1)).toBeGreaterThan(100);
});

test('generated timelines with WAL behind commit_lsn, and a hole where nothing is written yet', async () => {
  await using data = await testDirectory();
  await layTimeline(data.path, timelineId(TENANT, '1'.repeat(32)), activeWalBytes(3));
  await layTimeline(data.path, timelineId(TENANT, '2'.repeat(32)));
  const { timelines, findings } = await inspect(data.path);
  expect(findings).toEqual([]);
  const [large] = timelines;
  expect((large?.wal?.endLsn ?? 0n) > (large?.controlFile?.content.commitLsn ?? 0n)).toBe(true);
  expect(large?.wal?.checked?.sizeBytes).toBeGreaterThan(BigInt(activeWalBytes(3)) - 10_000n);
});

async function layRecorded(directory: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [name, content] of files) await writeFile(join(directory, name), content);
}

function controlFileOf(
  id: Pick<ControlFile, 'tenantId' | 'timelineId'>,
  start: ControlFile['commitLsn'],
  end: ControlFile['commitLsn'],
): ControlFile {
  const meta = readJsonFixture('wal', 'postgres-1m', 'meta.json') as { pg_version_num: number; system_id: bigint };
  return {
    ...id,
    membership: { generation: 0 as ControlFile['membership']['generation'], members: [], newMembers: null },
    term: 1n as ControlFile['term'],
    termHistory: [],
    server: { pgVersion: meta.pg_version_num, systemId: meta.system_id, walSegmentSize: 1024 * 1024 },
    proposerUuid: '0'.repeat(32),
    timelineStartLsn: lsn(1n),
    localStartLsn: lsn(1n),
    commitLsn: end,
    backupLsn: start,
    peerHorizonLsn: start,
    remoteConsistentLsn: start,
    partialBackup: [],
    eviction: { kind: 'Present' },
    creation: { seconds: 0n, nanoseconds: 0 },
  };
}
