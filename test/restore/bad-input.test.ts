import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verdictOf } from '../../src/restore/outcome.ts';
import { startTestAgent } from '../agent/test-agent.ts';
import { faultyFileSystem, systemError } from '../transfer/faulty-file-system.ts';
import { directoryOf, filesOf, OWN_ID, place, run, startPeer, temporaryData, TIMELINES, walOf } from './harness.ts';

const [FIRST = '', SECOND = ''] = TIMELINES;
const SOURCE = fileURLToPath(new URL('killed-restore.ts', import.meta.url));
/** Beside the packages that it imports. */
const PROGRAM = fileURLToPath(new URL(`../../node_modules/.cache/killed-restore-${process.pid}.mjs`, import.meta.url));

beforeAll(async () => {
  const common = { bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external' } as const;
  await build({ ...common, entryPoints: [SOURCE], outfile: PROGRAM });
});

afterAll(() => rmSync(PROGRAM, { force: true }));

describe('nothing is begun, and nothing is changed', () => {
  test('in a directory that cannot be read', async () => {
    using data = temporaryData();
    const files = faultyFileSystem((operation, path) => {
      if (operation === 'list' && path === data.path) throw systemError('EACCES', 'permission denied');
    });
    await expect(run(data.path, [{ url: 'http://127.0.0.1:9' }], { files })).rejects.toMatchObject({
      reason: 'DiskFailed',
      message: 'the data directory cannot be read: EACCES: permission denied',
    });
  });

  test('in one that does not exist', async () => {
    using data = temporaryData();
    const path = join(data.path, 'nowhere');
    await expect(run(path, [])).rejects.toMatchObject({ reason: 'DataDirectoryMissing' });
  });

  test('in one that a safekeeper or an agent uses', async () => {
    await using agent = await startTestAgent({ id: OWN_ID });
    await expect(run(agent.dataDirectory, [{ url: 'http://127.0.0.1:9' }])).rejects.toMatchObject({
      reason: 'DataDirectoryLocked',
      message: expect.stringContaining(`in use by process ${process.pid}`) as string,
    });
  });

  test('in one with foreign files; what lacks there has to be asked for', async () => {
    using data = temporaryData();
    writeFileSync(join(data.path, 'notes.txt'), 'mine');
    await using first = await startPeer(1, [FIRST]);
    await using second = await startPeer(2, [FIRST]);
    await expect(run(data.path, [first, second])).rejects.toMatchObject({
      reason: 'DirectoryNotEmpty',
      message: expect.stringContaining('it holds notes.txt; move that away') as string,
    });
    expect(readdirSync(data.path).sort()).toEqual(['notes.txt', 'safekeeper.pid']);
    expect(verdictOf((await run(data.path, [first, second], { mode: 'Missing' })).summary)).toBe('Everything');
  });

  test("in another safekeeper's", async () => {
    using data = temporaryData();
    writeFileSync(join(data.path, 'safekeeper.id'), '8');
    await expect(run(data.path, [{ url: 'http://127.0.0.1:9' }])).rejects.toMatchObject({
      reason: 'SafekeeperIdConflict',
    });
  });
});

test('a half-written control file is overwritten by nobody; the others are restored, and it too once it is moved away', async () => {
  using data = temporaryData();
  await place(data.path, FIRST);
  truncateSync(join(directoryOf(data.path, FIRST), 'safekeeper.control'), 100);
  const before = filesOf(data.path, FIRST);
  await using first = await startPeer(1);
  await using second = await startPeer(2);
  const { summary, outcomes } = await run(data.path, [first, second], { mode: 'Missing' });
  expect(summary).toMatchObject({ restored: 3, refused: 1 });
  expect(verdictOf(summary)).toBe('Part');
  expect(outcomes.get(FIRST)).toMatchObject({
    kind: 'Refused',
    reason: 'ReplicaCorrupt',
    message: expect.stringContaining('move it away') as string,
  });
  expect(filesOf(data.path, FIRST)).toEqual(before);
  renameSync(directoryOf(data.path, FIRST), join(data.path, 'moved-away'));
  const next = await run(data.path, [first, second], { mode: 'Missing' });
  expect(next.summary).toMatchObject({ restored: 1, kept: 3 });
  expect(verdictOf(next.summary)).toBe('Everything');
});

test('a replica whose WAL files are gone is not taken for whole', async () => {
  using data = temporaryData();
  await place(data.path, FIRST);
  const [segment = ''] = walOf(data.path, FIRST).keys();
  rmSync(join(directoryOf(data.path, FIRST), segment));
  await using first = await startPeer(1, [FIRST]);
  await using second = await startPeer(2, [FIRST]);
  const { outcomes } = await run(data.path, [first, second], { mode: 'Missing' });
  expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'ReplicaDamaged' });
});

test('a disk that is full half-way ends it; what is there stays, nothing half is left, and the next run goes on', async () => {
  using data = temporaryData();
  await using first = await startPeer(1);
  await using second = await startPeer(2);
  const files = faultyFileSystem((operation, path) => {
    if (operation === 'writev' && path.includes(SECOND)) throw systemError('ENOSPC', 'no space left on device');
  });
  const { summary, outcomes } = await run(data.path, [first, second], { files, concurrencyMax: 1 });
  expect(summary.stopped).toEqual({
    reason: 'DiskFull',
    message: 'the timeline cannot be written: ENOSPC: no space left on device',
  });
  expect(summary.restored + summary.untried).toBe(4);
  expect(summary.untried).toBeGreaterThan(0);
  expect(verdictOf(summary)).not.toBe('Everything');
  for (const timelineId of outcomes.keys()) {
    expect(walOf(data.path, timelineId)).toEqual(walOf(first.dataDirectory, timelineId));
  }
  expect(filesOf(data.path, SECOND)).toEqual(new Map());
  expect(readdirSync(join(data.path, 'tmp'))).toEqual([]);
  const next = await run(data.path, [first, second]);
  expect(next.summary).toMatchObject({ kept: summary.restored, restored: summary.untried });
  expect(verdictOf(next.summary)).toBe('Everything');
});

test('a donor whose copy breaks off is asked again, and given up after some attempts', async () => {
  using data = temporaryData();
  let snapshots = 0;
  const afterSnapshotList = async () => {
    snapshots++;
    throw new Error('broken');
  };
  await using first = await startPeer(1, [FIRST], (file) => file, { afterSnapshotList });
  await using second = await startPeer(2, [FIRST], (file) => file, { afterSnapshotList });
  const { summary, outcomes } = await run(data.path, [first, second], { attemptsMax: 3 });
  expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Failed', reason: 'SnapshotBroken' });
  expect(snapshots).toBe(3);
  expect(verdictOf(summary)).toBe('Nothing');
});

test('a process that is killed at any step leaves whole timelines only, and the next run goes on', async () => {
  await using first = await startPeer(1);
  await using second = await startPeer(2);
  let killed = 0;
  for (const killAt of [1, 9, 19, 30, 45]) {
    using data = temporaryData();
    const args = [PROGRAM, data.path, String(OWN_ID), String(killAt), first.url, second.url];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
    if (signal === 'SIGKILL') killed++;
    const { summary } = await run(data.path, [first, second]);
    expect(verdictOf(summary), `killed at ${killAt}`).toBe('Everything');
    expect(summary.restored + summary.kept).toBe(TIMELINES.length);
    for (const timelineId of TIMELINES) {
      expect(walOf(data.path, timelineId)).toEqual(walOf(first.dataDirectory, timelineId));
    }
    expect(readdirSync(join(data.path, 'tmp'))).toEqual([]);
  }
  expect(killed).toBeGreaterThan(3);
}, 60_000);
