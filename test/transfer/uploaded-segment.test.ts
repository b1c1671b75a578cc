import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseSafekeeperId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { openRemoteStorage } from '../../src/remote-storage/open-remote-storage.ts';
import type { RemoteStorage } from '../../src/remote-storage/remote-storage.ts';
import type { ControlFile, PartialSegment } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { finishSnapshot, startSnapshot } from '../../src/transfer/snapshot-context.ts';
import { Timeline } from '../../src/transfer/timeline.ts';
import { readJsonFixture } from '../support/fixtures.ts';
import { archive } from './archive.ts';
import { collect, type Donor, openDonor, unpack } from './donor.ts';
import {
  fingerprints,
  never,
  openRecipient,
  readLiveTimeline,
  recordedSnapshot,
  type RecordedSnapshot,
  RECIPIENT_ID,
  startDonorOf,
  startRecordedDonor,
  temporaryDirectory,
} from './harness.ts';

const SEGMENT = '000000010000000000000048_1_0000000004800030_0000000004800030';
const nameOf = (owner: number) => `${SEGMENT}_sk${owner}.partial`;
const id = (value: number) => parseSafekeeperId(value)!;
const RECORDED = ['offloaded', 'offloaded_gen0_v9', 'resident_partial_uploaded'];

type Objects = Readonly<Record<string, { size: number; hex: string | null }>>;
const recordedObjects = () =>
  readJsonFixture('snapshots', 'offloaded.remote.json') as {
    before_snapshot: Objects;
    after_snapshot_for_destination_4: Objects;
  };

/** Remote storage with the objects that were recorded before the snapshot. */
async function openRemote(timeline: TenantTimelineId) {
  const root = await temporaryDirectory();
  const directory = join(root.path, timeline.tenantId, timeline.timelineId);
  await mkdir(directory, { recursive: true });
  for (const [name, { size, hex }] of Object.entries(recordedObjects().before_snapshot)) {
    await writeFile(join(directory, name), hex === null ? Buffer.alloc(size) : Buffer.from(hex, 'hex'));
  }
  const storage = openRemoteStorage({ kind: 'Directory', path: root.path }, () => '0');
  return { storage, directory, [Symbol.asyncDispose]: () => root[Symbol.asyncDispose]() };
}

const uploaded = (name: string): PartialSegment => ({
  status: 'Uploaded',
  name,
  commitLsn: lsn(0x4800030n),
  flushLsn: lsn(0x4800030n),
  term: 1n as PartialSegment['term'],
});

/** The recorded archive is what safekeeper 4 got; safekeeper 1 itself had its own name in its control file. */
function openUploadedDonor(name: string, change: Partial<ControlFile> = {}): Promise<Donor> {
  return openDonor(name, { partialBackup: [uploaded(nameOf(1))], ...change });
}

function controlFileOf(snapshot: RecordedSnapshot): ControlFile {
  return decodeControlFile(snapshot.files.get(CONTROL_FILE_NAME)!);
}

describe('a snapshot of a timeline with a partial segment in remote storage', () => {
  test.each(RECORDED)('%s is the recorded one, and the recipient gets its own object', async (name) => {
    const recorded = await recordedSnapshot(name);
    await using donor = await openUploadedDonor(name);
    await using remote = await openRemote(recorded.id);
    const { bytes, error } = await collect(donor.open({ remoteStorage: remote.storage }));
    expect(error).toBeUndefined();
    expect(fingerprints(await unpack(bytes))).toEqual(fingerprints(recorded.files));

    const expected = recordedObjects().after_snapshot_for_destination_4;
    expect((await readdir(remote.directory)).sort()).toEqual(Object.keys(expected).sort());
    expect((await readFile(join(remote.directory, nameOf(4)))).toString('hex')).toBe(expected[nameOf(4)]?.hex);
    expect((await readFile(join(remote.directory, nameOf(1)))).toString('hex')).toBe(expected[nameOf(1)]?.hex);
  });

  test('the timeline is not locked while the object is copied', async () => {
    await using donor = await openUploadedDonor('offloaded');
    const timeline = donor.map.get(donor.snapshot.id);
    const remoteStorage = storageThat(async () => timeline.checkpoint(never));
    expect((await collect(donor.open({ remoteStorage }))).error).toBeUndefined();
  });

  test('an offloaded timeline can be sent to several at once', async () => {
    await using donor = await openUploadedDonor('offloaded');
    await using remote = await openRemote(donor.snapshot.id);
    const first = donor.open({ remoteStorage: remote.storage });
    await first.next();
    const second = await collect(donor.open({ remoteStorage: remote.storage, destination: id(5) }));
    expect(second.error).toBeUndefined();
    await first.return();
    expect(await readdir(remote.directory)).toContain(nameOf(5));
  });

  test('uploads that are under way or being deleted are not handed over', async () => {
    const others = (['InProgress', 'Deleting'] as const).map((status) => ({
      ...uploaded('000000010000000000000047_1_0000000004700000_0000000004700000_sk1.partial'),
      status,
    }));
    const send = async (partialBackup: PartialSegment[]) => {
      await using donor = await openUploadedDonor('resident_partial_uploaded', { partialBackup });
      await using remote = await openRemote(donor.snapshot.id);
      const { bytes } = await collect(donor.open({ remoteStorage: remote.storage }));
      return decodeControlFile((await unpack(bytes)).get(CONTROL_FILE_NAME)!).partialBackup;
    };
    expect(await send([...others, uploaded(nameOf(1))])).toEqual([uploaded(nameOf(4))]);
    expect(await send(others)).toEqual([]);
  });
});

describe('a snapshot fails before its first byte', () => {
  const OTHER = 'UploadedSegmentOfOtherSafekeeper';
  test.each<[string, string, string, Partial<ControlFile>]>([
    [
      'the object is missing',
      'RemoteObjectMissing',
      'offloaded',
      { partialBackup: [uploaded(nameOf(1).replace('_1_', '_2_'))] },
    ],
    ['the segment belongs to another node', OTHER, 'offloaded', { partialBackup: [uploaded(nameOf(2))] }],
    ['so it does for a resident one', OTHER, 'resident_partial_uploaded', { partialBackup: [uploaded(nameOf(11))] }],
    ['its name would lead elsewhere', OTHER, 'offloaded', { partialBackup: [uploaded(`../../${nameOf(1)}`)] }],
    ['there is no partial segment', 'NoUploadedSegment', 'offloaded', { partialBackup: [] }],
    [
      'the partial segment is not whole yet',
      'NoUploadedSegment',
      'offloaded_gen0_v9',
      { partialBackup: [{ ...uploaded(nameOf(1)), status: 'InProgress' }] },
    ],
  ])('because %s: %s', async (_why, reason, name, change) => {
    await using donor = await openUploadedDonor(name, change);
    await using remote = await openRemote(donor.snapshot.id);
    const before = await readdir(remote.directory);
    const { bytes, error } = await collect(donor.open({ remoteStorage: remote.storage }));
    expect(error).toMatchObject({ reason });
    expect(bytes.length).toBe(0);
    expect(await readdir(remote.directory)).toEqual(before);
  });

  test.each(RECORDED)('because %s would be copied onto itself', async (name) => {
    await using donor = await openUploadedDonor(name);
    await using remote = await openRemote(donor.snapshot.id);
    const { bytes, error } = await collect(donor.open({ remoteStorage: remote.storage, destination: id(1) }));
    expect(error).toMatchObject({ reason: 'SnapshotToItself', message: expect.stringContaining(nameOf(1)) as unknown });
    expect(bytes.length).toBe(0);
    expect((await readFile(join(remote.directory, nameOf(1)))).length).toBe(48);
  });

  test.each(RECORDED)('because %s needs remote storage', async (name) => {
    await using donor = await openUploadedDonor(name);
    const { bytes, error } = await collect(donor.open());
    expect(error).toMatchObject({ reason: 'RemoteStorageNotConfigured', message: 'remote storage not configured' });
    expect(bytes.length).toBe(0);
  });

  test('because the timeline was deleted while the object was copied', async () => {
    await using donor = await openUploadedDonor('offloaded');
    const timeline = donor.map.get(donor.snapshot.id);
    const gone = Object.assign(new Error('deleted'), { reason: 'TimelineDeleted' });
    const remoteStorage = storageThat(async () => timeline.cancel(gone as never));
    const { bytes, error } = await collect(donor.open({ remoteStorage }));
    expect([bytes.length, error]).toEqual([0, gone]);
  });
});

test('an offloaded timeline that was brought back meanwhile is not what was sent', async () => {
  await using donor = await openUploadedDonor('offloaded');
  await using remote = await openRemote(donor.snapshot.id);
  const { map, snapshot, directory } = donor;
  const parties = { source: id(1), destination: id(4), remoteStorage: remote.storage };
  const context = await startSnapshot(map.get(snapshot.id), parties, never);
  expect(() => finishSnapshot(context)).not.toThrow();
  const controlFile: ControlFile = { ...map.get(snapshot.id).controlFile, eviction: { kind: 'Present' } };
  const timeline = new Timeline({ files: map.files, directory, controlFile, flushLsn: controlFile.commitLsn });
  expect(() => finishSnapshot({ ...context, timeline })).toThrow(/was un-evicted during snapshot: ask for it again/);
});

describe('a recipient of such a snapshot', () => {
  test.each(RECORDED)('installs %s from our own donor, and knows its object', async (name) => {
    const recorded = await recordedSnapshot(name);
    await using donor = await openUploadedDonor(name);
    await using remote = await openRemote(recorded.id);
    await using server = await startDonorOf(donor.map, recorded, { remoteStorage: remote.storage });
    await using data = await temporaryDirectory();
    await using recipient = await openRecipient(data.path);
    const options = { remoteStorage: remote.storage };
    expect(await recipient.pull(recorded.id, [server.url], { options })).toBe(server.url);
    expect(fingerprints(await readLiveTimeline(data.path, recorded.id))).toEqual(fingerprints(recorded.files));
  });

  const InProgress = { ...uploaded(nameOf(1)), status: 'InProgress' } as const;
  test.each<[string, string, Partial<ControlFile>]>([
    [
      "another safekeeper's segment",
      `"${nameOf(1)}" in remote storage does not belong`,
      { partialBackup: [uploaded(nameOf(1))] },
    ],
    ['an odd name', 'in remote storage does not belong', { partialBackup: [uploaded(`x${nameOf(4)}`)] }],
    ['no segment', 'it is offloaded, but has no partial segment', { partialBackup: [] }],
    ['an unfinished upload', 'it is offloaded, but has no partial segment', { partialBackup: [InProgress] }],
    [
      'a segment that is too short',
      'ends before the WAL did',
      { partialBackup: [{ ...uploaded(nameOf(4)), flushLsn: lsn(0x4800028n) }] },
    ],
  ])('refuses %s', async (_what, problem, change) => {
    expect(await pullChanged('offloaded', change)).toMatchObject({
      reason: 'InvalidSnapshot',
      message: expect.stringContaining(problem) as unknown,
    });
  });

  test("refuses a resident one with another safekeeper's segment too", async () => {
    const change = { partialBackup: [uploaded(nameOf(1))] };
    expect(await pullChanged('resident_partial_uploaded', change)).toMatchObject({ reason: 'InvalidSnapshot' });
  });

  test('refuses one whose object is not where it should be', async () => {
    const recorded = await recordedSnapshot('offloaded');
    await using remote = await openRemote(recorded.id);
    expect(await pullChanged('offloaded', {}, remote.storage)).toMatchObject({
      reason: 'InvalidSnapshot',
      message: expect.stringContaining(`"${nameOf(4)}" is not in remote storage`) as unknown,
    });
  });

  test("installs none of the donor's unfinished uploads", async () => {
    const recorded = await recordedSnapshot('resident_partial');
    const entries = new Map(recorded.files).set(
      CONTROL_FILE_NAME,
      encodeControlFile({ ...controlFileOf(recorded), partialBackup: [InProgress] }),
    );
    await using server = await startRecordedDonor(recorded, { body: await archive([...entries]) });
    await using data = await temporaryDirectory();
    await using recipient = await openRecipient(data.path);
    await recipient.pull(recorded.id, [server.url]);
    const installed = (await readLiveTimeline(data.path, recorded.id)).get(CONTROL_FILE_NAME)!;
    expect(decodeControlFile(installed)).toEqual(controlFileOf(recorded));
  });
});

/** What comes of pulling a recorded snapshot with a changed control file; nothing may be left on disk. */
async function pullChanged(
  name: string,
  change: Partial<ControlFile>,
  remoteStorage?: RemoteStorage,
): Promise<unknown> {
  const recorded = await recordedSnapshot(name);
  const controlFile = { ...controlFileOf(recorded), ...change };
  const entries = new Map(recorded.files).set(CONTROL_FILE_NAME, encodeControlFile(controlFile));
  await using server = await startRecordedDonor(recorded, { body: await archive([...entries]) });
  await using data = await temporaryDirectory();
  await using recipient = await openRecipient(data.path, { safekeeperId: RECIPIENT_ID });
  const outcome = await recipient
    .pull(recorded.id, [server.url], { options: { remoteStorage } })
    .catch((error: unknown) => error);
  expect(await readLiveTimeline(data.path, recorded.id)).toEqual(new Map());
  return outcome;
}

/** Remote storage whose copies do something else first and never fail. */
function storageThat(meanwhile: () => Promise<void>): RemoteStorage {
  return {
    description: 'remote storage of a test',
    copy: meanwhile,
    exists: () => Promise.resolve(true),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
