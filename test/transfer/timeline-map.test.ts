import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseTenantId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import { generation, NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import { term } from '../../src/domain/term.ts';
import { createTimeline, type CreateTimelineRequest } from '../../src/transfer/create-timeline.ts';
import {
  deleteTenant,
  deleteTimeline,
  excludeTimeline,
  requireMembership,
} from '../../src/transfer/delete-timeline.ts';
import { TOMBSTONE_FILE_NAME } from '../../src/transfer/tombstones.ts';
import { FakeClock } from '../support/fake-clock.ts';
import {
  configuration,
  layTimeline,
  listTemp,
  never,
  openMap,
  readLiveTimeline,
  recordedSnapshot,
  temporaryDirectory,
  timelineId,
} from './harness.ts';

const TENANT = '1'.repeat(32);
const ID = timelineId(TENANT, `a${'0'.repeat(30)}9`);
const NAME = `${ID.tenantId}/${ID.timelineId}`;
const START = parseLsn('0/466DF60')!;

function request(changes: Partial<CreateTimelineRequest> = {}): CreateTimelineRequest {
  return {
    ...ID,
    membership: NO_MEMBERSHIP,
    pgVersion: 150020,
    systemId: 7711123713686317059n,
    walSegmentSize: 1024 * 1024,
    startLsn: START,
    commitLsn: undefined,
    ...changes,
  };
}

describe('loading', () => {
  test('takes good timelines, remembers bad ones, and ignores what is none', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const control = snapshot.files.get('safekeeper.control')!;
    await using data = await temporaryDirectory();
    await layTimeline(data.path, snapshot.id, snapshot.files);
    const bad = (digit: string) => timelineId(TENANT, digit.repeat(32));
    const lay = (id: TenantTimelineId, name: string, content: Uint8Array) =>
      layTimeline(data.path, id, new Map([[name, content]]));
    await lay(bad('b'), 'safekeeper.control', control);
    await lay(bad('c'), 'safekeeper.control', Buffer.alloc(3));
    await lay(bad('d'), 'unrelated', control);
    await mkdir(join(data.path, TENANT, 'not-an-id'));
    await mkdir(join(data.path, 'tmp', 'x_temptli'), { recursive: true });
    await writeFile(join(data.path, TENANT, 'e'.repeat(32)), 'a file');
    await writeFile(join(data.path, 'f'.repeat(32)), 'a file');
    await writeFile(join(data.path, 'safekeeper.id'), '4');

    const map = await openMap(data.path);

    expect(map.list().map((timeline) => timeline.id)).toEqual([snapshot.id]);
    const problems = Object.fromEntries(map.unloaded.map(({ id, problem }) => [id.timelineId[0], problem]));
    expect(problems).toEqual({
      b: `the control file is of timeline ${TENANT}/${snapshot.id.timelineId}`,
      c: expect.stringContaining('3 bytes') as string,
      d: 'there is no control file',
    });
    expect(await listTemp(data.path)).toEqual([]);
    expect(map.find(bad('b'))).toEqual({ kind: 'NotFound' });
    expect(() => map.get(bad('b'))).toThrow(`timeline ${TENANT}/${'b'.repeat(32)} not found`);
  });

  test('needs a data directory', async () => {
    await using data = await temporaryDirectory();
    await expect(openMap(join(data.path, 'nowhere'))).rejects.toMatchObject({ reason: 'DataDirectoryMissing' });
  });

  test('with segments missing keeps the commit position as the end, as safekeepers do', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    const control = snapshot.files.get('safekeeper.control')!;
    await layTimeline(data.path, snapshot.id, new Map([['safekeeper.control', control]]));
    expect((await openMap(data.path)).get(snapshot.id).flushLsn).toBe(parseLsn('0/4800030'));
  });
});

describe('creation', () => {
  test('is durable, repeatable, and leaves an existing timeline alone', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    const created = await createTimeline(map, request({ membership: configuration(1, [4n]) }));
    expect(created.kind).toBe('Created');
    const again = await createTimeline(
      map,
      request({ membership: configuration(9, [4n]), startLsn: parseLsn('0/1')! }),
    );
    expect(again).toEqual({ kind: 'AlreadyExists', timeline: created.timeline });
    const reloaded = (await openMap(data.path)).get(ID);
    expect(reloaded.controlFile).toEqual(created.timeline.controlFile);
    expect(reloaded.flushLsn).toBe(START);
    expect(reloaded.controlFile).toMatchObject({ term: 0n, remoteConsistentLsn: 0n, backupLsn: START });
    expect(await listTemp(data.path)).toEqual([]);
  });

  test.each<[string, Partial<CreateTimelineRequest>]>([
    [`Timeline ${NAME} is not initialized, wal_seg_size is zero`, { walSegmentSize: 0 }],
    [`Timeline ${NAME}: wal_seg_size must be a power of two from 1 MiB to 1 GiB`, { walSegmentSize: 1_000_000 }],
    [`Timeline ${NAME} is not initialized, pg_version is unknown`, { pgVersion: 0 }],
    [`Timeline ${NAME}: pg_version 130000 is not of Postgres 14 to 17`, { pgVersion: 130000 }],
    ['commit_lsn 0/1 is smaller than start_lsn 0/466DF60', { commitLsn: parseLsn('0/1')! }],
    [
      `Calling SafeKeeper::new with empty tenant_id (${TENANT}) or timeline_id (${'0'.repeat(32)})`,
      timelineId(TENANT, '0'.repeat(32)),
    ],
  ])('is refused: %s', async (message, changes) => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    await expect(createTimeline(map, request(changes))).rejects.toMatchObject({ reason: 'InvalidTimeline', message });
    expect(map.list()).toEqual([]);
  });

  test('is refused over a directory, after a deletion, and while another one runs', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    await mkdir(map.directoryOf(ID), { recursive: true });
    await expect(createTimeline(map, request())).rejects.toMatchObject({
      message: `Timeline ${NAME} exists on disk, but wasn't loaded on startup`,
    });
    const claim = map.markCreation(ID, { generation: undefined, ignore: false });
    await expect(createTimeline(map, request())).rejects.toMatchObject({
      reason: 'CreationInProgress',
      message: `Timeline ${NAME} creation is in progress`,
    });
    expect(map.find(ID)).toEqual({ kind: 'CreationInProgress' });
    await expect(deleteTimeline(map, ID, never)).rejects.toMatchObject({ reason: 'CreationInProgress' });
    if (claim.kind === 'Marked') claim.mark[Symbol.dispose]();
    expect(await deleteTimeline(map, ID, never)).toEqual({ dirExisted: true });
    await expect(createTimeline(map, request())).rejects.toMatchObject({
      reason: 'TimelineRefused',
      message: `Timeline ${NAME} has been deleted`,
    });
  });
});

describe('deletion', () => {
  test('removes the directory, answers "deleted" after a restart too, and is forgotten after 24 hours', async () => {
    await using data = await temporaryDirectory();
    const clock = new FakeClock();
    const map = await openMap(data.path, { clock });
    const { timeline } = await createTimeline(map, request());
    expect(await deleteTimeline(map, ID, never)).toEqual({ dirExisted: true });
    expect(timeline.cancelled.aborted).toBe(true);
    await expect(timeline.checkpoint(never)).rejects.toMatchObject({ reason: 'TimelineDeleted' });
    expect(await readLiveTimeline(data.path, ID)).toEqual(new Map());
    expect(await listTemp(data.path)).toEqual([]);
    expect(await deleteTimeline(map, ID, never)).toEqual({ dirExisted: false });

    const reopened = await openMap(data.path, { clock });
    expect(reopened.find(ID)).toEqual({ kind: 'Deleted' });
    expect(() => reopened.get(ID)).toThrow(`timeline ${NAME} deleted`);
    await clock.advance(24 * 3600 * 1000 + 1);
    expect(reopened.find(ID)).toEqual({ kind: 'NotFound' });
    await openMap(data.path, { clock });
    expect(await readFile(join(data.path, TOMBSTONE_FILE_NAME), 'utf8')).toBe('');
  });

  test('of a tenant takes all its timelines, loaded or not, and blocks new ones', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    await createTimeline(map, request());
    await mkdir(join(data.path, TENANT, 'b'.repeat(32)));
    const outcomes = await deleteTenant(map, parseTenantId(TENANT)!, never);
    expect(Object.fromEntries(outcomes)).toEqual({
      [ID.timelineId]: { dirExisted: true },
      ['b'.repeat(32)]: { dirExisted: true },
    });
    expect(await deleteTenant(map, parseTenantId('e'.repeat(32))!, never)).toEqual(new Map());
    const other = timelineId(TENANT, 'c'.repeat(32));
    expect((await openMap(data.path)).find(other)).toEqual({ kind: 'Deleted' });
  });

  test('a record that a crash cut off is dropped, a damaged one stops the start', async () => {
    await using data = await temporaryDirectory();
    const path = join(data.path, TOMBSTONE_FILE_NAME);
    const map = await openMap(data.path);
    await deleteTimeline(map, ID, never);
    const whole = await readFile(path, 'utf8');
    await writeFile(path, whole + whole.slice(0, 40));
    const reopened = await openMap(data.path);
    expect(reopened.find(ID)).toEqual({ kind: 'Deleted' });
    expect(await readFile(path, 'utf8')).toBe(whole);
    await writeFile(path, `nonsense\n${whole}`);
    await expect(openMap(data.path)).rejects.toMatchObject({
      reason: 'TombstonesUnreadable',
      message: expect.stringContaining('line 1 is damaged') as string,
    });
  });
});

describe('exclusion', () => {
  test('yields to a higher generation only, and never weakens a deletion', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    await createTimeline(map, request({ membership: configuration(2, [1n, 2n, 4n]) }));
    const without4 = configuration(3, [1n, 2n, 3n]);
    await expect(excludeTimeline(map, ID, configuration(3, [4n]), never)).rejects.toMatchObject({
      reason: 'MembershipForbidden',
      message:
        'refused to exclude timeline with gen=3, members=([id=4, ep=127.0.0.1:5474]), new_members=none, node 4 is member of it',
    });
    await expect(excludeTimeline(map, ID, configuration(1, [1n]), never)).rejects.toMatchObject({
      reason: 'GenerationConflict',
      message: expect.stringMatching(/^refused to switch into excluding mconf gen=1, .*, current: gen=2, /) as string,
    });
    expect(await excludeTimeline(map, ID, without4, never)).toEqual({ dirExisted: true });
    expect(await excludeTimeline(map, ID, without4, never)).toEqual({ dirExisted: false });

    const { tombstones } = await openMap(data.path);
    expect(tombstones.blocks(ID, undefined)).toBe(true);
    expect(tombstones.blocks(ID, generation(3))).toBe(true);
    expect(tombstones.blocks(ID, generation(4))).toBe(false);
    await deleteTimeline(map, ID, never);
    await excludeTimeline(map, ID, without4, never);
    expect(map.tombstones.blocks(ID, generation(99))).toBe(true);
    expect((await openMap(data.path)).tombstones.blocks(ID, generation(99))).toBe(true);
  });
});

describe('a loaded timeline', () => {
  test('raises its term, never lowers it, and keeps it over a restart', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    const { timeline } = await createTimeline(map, request());
    expect(await timeline.bumpTerm(undefined, never)).toEqual({ previous: 0n, current: 1n });
    expect(await timeline.bumpTerm(term(10n), never)).toEqual({ previous: 1n, current: 10n });
    expect(await timeline.bumpTerm(term(4n), never)).toEqual({ previous: 10n, current: 10n });
    expect((await openMap(data.path)).get(ID).controlFile.term).toBe(10n);
    await timeline.bumpTerm(term(2n ** 64n - 1n), never);
    await expect(timeline.bumpTerm(undefined, never)).rejects.toMatchObject({ reason: 'InvalidTerm' });
  });

  test('bumps of several callers at once all count', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    const { timeline } = await createTimeline(map, request());
    await Promise.all(Array.from({ length: 8 }, () => timeline.bumpTerm(undefined, never)));
    expect((await openMap(data.path)).get(ID).controlFile.term).toBe(8n);
  });

  test('switches to a newer configuration that has it, not to an older one', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    const before = configuration(4, [1n, 4n]);
    const { timeline } = await createTimeline(map, request({ membership: before }));
    const next = configuration(5, [1n, 2n, 4n]);
    expect(await timeline.switchMembership(next, never)).toEqual({ previous: before, current: next });
    expect(await timeline.switchMembership(configuration(5, [4n]), never)).toEqual({ previous: next, current: next });
    await expect(timeline.switchMembership(configuration(2, [4n]), never)).rejects.toMatchObject({
      reason: 'GenerationConflict',
      message: 'request to switch into 2 ignored, current generation 5',
    });
    expect(() => requireMembership(map, configuration(9, [1n]))).toThrow(
      'refused to switch into gen=9, members=([id=1, ep=127.0.0.1:5471]), new_members=none, node 4 is not a member of it',
    );
    expect((await openMap(data.path)).get(ID).controlFile.membership).toEqual(next);
  });

  test('writes its control file again at a checkpoint', async () => {
    await using data = await temporaryDirectory();
    const map = await openMap(data.path);
    const { timeline } = await createTimeline(map, request());
    const path = join(timeline.directory, 'safekeeper.control');
    const content = await readFile(path);
    await writeFile(path, 'overwritten');
    await timeline.checkpoint(never);
    expect(await readFile(path)).toEqual(content);
  });
});
