import { execFileSync } from 'node:child_process';
import { cpSync } from 'node:fs';
import { mkdir, open, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { term } from '../../src/domain/term.ts';
import { explainFinding } from '../../src/inspect/explain-finding.ts';
import { type Finding, severityOf } from '../../src/inspect/finding.ts';
import { CONTROL_FILE_NAME } from '../../src/safekeeper/control-file-codec.ts';
import { inspect, snapshotOf, TENANT, testDirectory } from './inspected.ts';

const OLD = '000000010000000000000046';
const MIDDLE = '000000010000000000000047';
const LAST = '000000010000000000000048.partial';
const OTHER_TIMELINE = 'e'.repeat(32);

interface Damage {
  readonly name: string;
  readonly snapshot?: string;
  readonly change?: NonNullable<Parameters<Awaited<ReturnType<typeof testDirectory>>['place']>[0]['change']>;
  /** What is done to a sound timeline's directory. */
  readonly damage: (directory: string, dataDirectory: string) => Promise<unknown>;
  readonly expected: Partial<Finding>;
  /** Others that come with it. */
  readonly also?: ReadonlyArray<Finding['kind']>;
}

const nothing = () => Promise.resolve();
const problem: ReadonlyArray<Finding['kind']> = ['WalDamaged'];

const DAMAGES: readonly Damage[] = [
  {
    name: 'no control file',
    damage: (it) => rm(join(it, CONTROL_FILE_NAME)),
    expected: { kind: 'ControlFileMissing', hasPartial: false },
  },
  {
    name: 'a control file that was never put in place',
    damage: (it) => rename(join(it, CONTROL_FILE_NAME), join(it, `${CONTROL_FILE_NAME}.partial`)),
    expected: { kind: 'ControlFileMissing', hasPartial: true },
  },
  {
    name: 'half a control file',
    damage: (it) => truncate(join(it, CONTROL_FILE_NAME), 100),
    expected: { kind: 'ControlFileInvalid', problem: expect.stringMatching(/^checksum 0x/) },
  },
  {
    name: 'an empty control file',
    damage: (it) => truncate(join(it, CONTROL_FILE_NAME), 0),
    expected: { kind: 'ControlFileInvalid', problem: 'only 0 bytes long' },
  },
  {
    name: 'a control file with a flipped byte',
    damage: async (it) => {
      const bytes = await readFile(join(it, CONTROL_FILE_NAME));
      bytes.writeUInt8(bytes.readUInt8(90) ^ 1, 90);
      await writeFile(join(it, CONTROL_FILE_NAME), bytes);
    },
    expected: { kind: 'ControlFileInvalid' },
  },
  {
    name: 'a pipe in place of a control file',
    damage: async (it) => {
      await rm(join(it, CONTROL_FILE_NAME));
      execFileSync('mkfifo', [join(it, CONTROL_FILE_NAME)]);
    },
    expected: { kind: 'ControlFileInvalid', problem: 'it is not a file' },
  },
  {
    name: 'an interrupted write of the control file',
    damage: (it) => writeFile(join(it, `${CONTROL_FILE_NAME}.partial`), 'half'),
    expected: { kind: 'ControlFilePartial' },
  },
  {
    name: 'the directory of another timeline',
    damage: (it, data) => rename(it, join(data, TENANT, OTHER_TIMELINE)),
    expected: { kind: 'IdsDiffer' },
  },
  {
    name: 'a copy under another id',
    damage: async (it, data) => cpSync(it, join(data, TENANT, OTHER_TIMELINE), { recursive: true }),
    expected: { kind: 'SameTimelineTwice' },
    also: ['IdsDiffer'],
  },
  {
    name: 'a term history that goes back',
    change: (file) => ({
      ...file,
      term: term(9n),
      termHistory: [3n, 2n].map((it) => ({ term: term(it), lsn: lsn(8n) })),
    }),
    damage: nothing,
    expected: { kind: 'TermHistoryInvalid', problem: 'term 2 follows term 3' },
  },
  {
    name: 'a term history beyond the term',
    change: (file) => ({ ...file, term: term(0n) }),
    damage: nothing,
    expected: { kind: 'TermHistoryInvalid', problem: 'it goes up to term 1, the term is 0' },
  },
  {
    name: 'a gap',
    damage: (it) => rm(join(it, MIDDLE)),
    expected: {
      kind: 'SegmentsMissing',
      isAll: false,
      segments: { firstName: MIDDLE, lastName: MIDDLE, count: 1n },
    },
  },
  {
    name: 'the end',
    damage: (it) => rm(join(it, LAST)),
    expected: { kind: 'SegmentsMissing', isAll: false },
  },
  {
    name: 'all WAL',
    damage: async (it) => await Promise.all([OLD, MIDDLE, LAST].map((name) => rm(join(it, name)))),
    expected: {
      kind: 'SegmentsMissing',
      isAll: true,
      segments: { firstName: OLD, lastName: LAST.slice(0, 24), count: 3n },
    },
  },
  {
    name: 'all WAL while nobody has told what he has',
    change: (file) => ({ ...file, remoteConsistentLsn: lsn(0n) }),
    damage: async (it) => await Promise.all([OLD, MIDDLE, LAST].map((name) => rm(join(it, name)))),
    expected: { kind: 'SegmentsMissing', isAll: true },
  },
  {
    name: 'a short segment',
    damage: (it) => truncate(join(it, MIDDLE), 500_000),
    expected: { kind: 'SegmentSize', name: MIDDLE, sizeBytes: 500_000, expectedBytes: 1_048_576 },
  },
  {
    name: 'a segment that is too long',
    damage: (it) => truncate(join(it, LAST), 2_000_000),
    expected: { kind: 'SegmentSize', name: LAST, sizeBytes: 2_000_000 },
  },
  {
    name: 'two files for one segment',
    damage: async (it) => cpSync(join(it, LAST), join(it, LAST.slice(0, 24))),
    expected: { kind: 'SegmentTwice', name: LAST.slice(0, 24) },
  },
  {
    name: 'a pipe in place of a segment',
    damage: async (it) => {
      await rm(join(it, MIDDLE));
      execFileSync('mkfifo', [join(it, MIDDLE)]);
    },
    expected: { kind: 'SegmentNotFile', name: MIDDLE },
    also: ['SegmentsMissing'],
  },
  {
    name: 'a link in place of the last segment',
    damage: async (it) => {
      await rm(join(it, LAST));
      await symlink('/dev/zero', join(it, LAST));
    },
    expected: { kind: 'SegmentNotFile', name: LAST },
    also: ['SegmentsMissing'],
  },
  {
    name: 'a segment far behind the end',
    damage: (it) => writeFile(join(it, '000000010000000000000051'), Buffer.alloc(1_048_576)),
    expected: { kind: 'SegmentBehindEnd', endLsn: lsn(0x4800030n), segments: expect.objectContaining({ count: 1n }) },
    also: ['PartialNotLast'],
  },
  {
    name: 'WAL where there is none by the control file',
    snapshot: 'compute_created_greeting_only',
    damage: (it) => writeFile(join(it, '000000010000000000000001'), Buffer.alloc(16 * 1_048_576)),
    expected: { kind: 'SegmentBehindEnd', endLsn: lsn(0n) },
  },
  {
    name: 'an old segment before a gap',
    damage: (it) => writeFile(join(it, '000000010000000000000012'), Buffer.alloc(1_048_576)),
    expected: { kind: 'SegmentsApart' },
  },
  {
    name: 'WAL of an offloaded timeline',
    snapshot: 'offloaded',
    damage: (it) => writeFile(join(it, MIDDLE), Buffer.alloc(1_048_576)),
    expected: { kind: 'SegmentsOffloaded' },
  },
  {
    name: 'a full segment that was not renamed',
    damage: (it) => rename(join(it, MIDDLE), join(it, `${MIDDLE}.partial`)),
    expected: { kind: 'PartialNotLast', name: `${MIDDLE}.partial` },
  },
  {
    name: 'an offloaded timeline without an upload',
    snapshot: 'offloaded',
    change: (file) => ({ ...file, partialBackup: [] }),
    damage: nothing,
    expected: { kind: 'UploadMissing' },
  },
  {
    name: 'an upload that ends too early',
    snapshot: 'offloaded',
    change: (file) => ({
      ...file,
      partialBackup: file.partialBackup.map((it) => ({ ...it, flushLsn: lsn(0x4800000n) })),
    }),
    damage: nothing,
    expected: { kind: 'UploadTooShort', flushLsn: lsn(0x4800000n), offloadedLsn: lsn(0x4800030n) },
  },
  {
    name: 'an upload of another safekeeper',
    snapshot: 'offloaded_same_node',
    damage: nothing,
    expected: { kind: 'UploadOfOther' },
  },
  {
    name: 'a zeroed segment',
    damage: async (it) => {
      await truncate(join(it, MIDDLE), 0);
      await truncate(join(it, MIDDLE), 1_048_576);
    },
    expected: { kind: 'WalDamaged' },
    also: problem,
  },
  {
    name: 'a page of another place',
    damage: async (it) => {
      const file = await open(join(it, MIDDLE), 'r+');
      const page = Buffer.alloc(8192);
      await file.read(page, 0, 8192, 10 * 8192);
      await file.write(page, 0, 8192, 11 * 8192);
      await file.close();
    },
    expected: {
      kind: 'WalDamaged',
      at: expect.objectContaining({ problem: 'PageAddress', lsn: lsn(0x4700000n + 11n * 8192n) }),
    },
  },
  {
    name: 'WAL of an unknown Postgres',
    change: (file) => ({ ...file, server: { ...file.server, pgVersion: 990_001 } }),
    damage: nothing,
    expected: { kind: 'PostgresVersionUnknown', pgVersion: 990_001 },
  },
  {
    name: 'WAL of another cluster',
    snapshot: 'resident_14_segments',
    change: (file) => ({ ...file, server: { ...file.server, systemId: 1n } }),
    damage: nothing,
    expected: { kind: 'WalOdd', oddity: expect.objectContaining({ field: 'system id' }) },
  },
  {
    name: 'a foreign file beside the WAL',
    damage: (it) => writeFile(join(it, 'core.12345'), 'x'),
    expected: { kind: 'ForeignEntry', path: expect.stringMatching(/core\.12345$/) },
  },
  {
    name: 'foreign files above the timelines',
    damage: async (_, data) => {
      await writeFile(join(data, 'notes.txt'), 'x');
      await writeFile(join(data, TENANT, 'f'.repeat(32)), 'a file with the name of a timeline');
    },
    expected: { kind: 'ForeignEntry' },
    also: ['ForeignEntry'],
  },
  {
    name: 'a tenant in upper case',
    damage: (_, data) => mkdir(join(data, 'A'.repeat(32))),
    expected: { kind: 'NameNotCanonical' },
  },
  {
    name: 'what an interrupted pull left',
    damage: (_, data) => mkdir(join(data, 'tmp', `${TENANT}_x_temptli`), { recursive: true }),
    expected: { kind: 'LeftoverTemp' },
  },
  {
    name: 'what a restore moved away',
    damage: (_, data) => mkdir(join(data, 'quarantine', 'somebody'), { recursive: true }),
    expected: { kind: 'Quarantined' },
  },
  {
    name: 'no safekeeper.id',
    damage: (_, data) => rm(join(data, 'safekeeper.id')),
    expected: { kind: 'SafekeeperIdMissing' },
  },
  {
    name: 'a wrong safekeeper.id',
    damage: (_, data) => writeFile(join(data, 'safekeeper.id'), '4\n'),
    expected: { kind: 'SafekeeperIdInvalid' },
  },
];

test.each(DAMAGES)('$name', async ({ snapshot = 'resident_partial', change, damage, expected, also = [] }) => {
  await using data = await testDirectory();
  const directory = await data.place({ snapshot, ...(change === undefined ? {} : { change }) });
  await damage(directory, data.path);
  const before = await snapshotOf(data.path).catch(() => []);
  const { findings } = await inspect(data.path);
  const kind = expected.kind;
  expect(findings.find((finding) => finding.kind === kind)).toMatchObject(expected);
  const others = findings.filter((finding) => finding.kind !== kind).map((finding) => finding.kind);
  for (const other of others) expect(also).toContain(other);
  for (const finding of findings) {
    const text = explainFinding(finding);
    expect(text).toMatch(/^\S.{40,}\.$/);
    expect(['Problem', 'Notice']).toContain(severityOf(finding));
  }
  expect(await snapshotOf(data.path).catch(() => [])).toEqual(before);
});

test('WAL from before this replica started is not missing', async () => {
  await using data = await testDirectory();
  const directory = await data.place({
    snapshot: 'resident_partial',
    change: (file) => ({ ...file, localStartLsn: lsn(0x47d7e70n), commitLsn: lsn(0x4800030n) }),
  });
  await rm(join(directory, OLD));
  const { findings, timelines } = await inspect(data.path);
  expect(findings).toEqual([]);
  expect(timelines[0]?.wal?.requiredSegmentCount).toBe(2n);
});

test('a directory that nobody may list is a finding, not the end', async () => {
  await using data = await testDirectory();
  const directory = await data.place({ snapshot: 'resident_partial' });
  const files = nodeFileSystem;
  const denied = () => Promise.reject(Object.assign(new Error('EACCES: permission denied'), { code: 'EACCES' }));
  const { findings, timelines } = await inspect(data.path, {
    files: { ...files, list: (path) => (path === directory ? denied() : files.list(path)) },
  });
  expect(findings).toMatchObject([{ kind: 'Unreadable', path: directory, problem: 'EACCES: permission denied' }]);
  expect(timelines).toHaveLength(1);
});

test('what was wrong only for a moment is not reported', async () => {
  await using data = await testDirectory();
  const directory = await data.place({ snapshot: 'resident_partial' });
  let lists = 0;
  // The last segment is being renamed while the directory is read for the first time, or the first two times.
  const files = (times: number): FileSystem => ({
    ...nodeFileSystem,
    list: async (path) => {
      const entries = await nodeFileSystem.list(path);
      return path === directory && lists++ < times ? entries.filter(({ name }) => name !== LAST) : entries;
    },
  });
  expect((await inspect(data.path, { files: files(1), inUseBy: 77 })).findings).toEqual([{ kind: 'InUse', pid: 77 }]);
  lists = 0;
  expect((await inspect(data.path, { files: files(2) })).findings).toMatchObject([{ kind: 'SegmentsMissing' }]);
});
