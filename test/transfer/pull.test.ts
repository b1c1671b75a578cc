import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatLsn } from '../../src/domain/lsn.ts';
import { deleteTimeline } from '../../src/transfer/delete-timeline.ts';
import {
  configuration,
  fingerprints,
  layTimeline,
  listTemp,
  never,
  openMap,
  openRecipient,
  readLiveTimeline,
  recordedSnapshot,
  startDonorOf,
  startRecordedDonor,
  startScriptedDonor,
  statusText,
  temporaryDirectory,
} from './harness.ts';

const RECORDED = [
  'resident_partial',
  'resident_14_segments',
  'full_segments_no_partial',
  'gen0_v9',
  'uninitialized',
  'compute_created_greeting_only',
  'resident_partial_uploaded',
  'offloaded',
  'offloaded_gen0_v9',
];

describe('a recorded snapshot', () => {
  test.each(RECORDED)('%s is installed byte for byte, published, and loaded again after a restart', async (name) => {
    const snapshot = await recordedSnapshot(name);
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot);
    await using recipient = await openRecipient(data.path);

    expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);

    expect(fingerprints(await readLiveTimeline(data.path, snapshot.id))).toEqual(fingerprints(snapshot.files));
    expect(await listTemp(data.path)).toEqual([]);
    const published = recipient.map.get(snapshot.id);
    expect(formatLsn(published.flushLsn)).toBe(snapshot.status['flush_lsn']);
    const reloaded = (await openMap(data.path)).get(snapshot.id);
    expect(reloaded.flushLsn).toBe(published.flushLsn);
    expect(reloaded.controlFile).toEqual(published.controlFile);
  });

  test('whose body a real donor breaks off at a segment boundary is refused; ours sends it whole', async () => {
    const snapshot = await recordedSnapshot('flush_lsn_at_segment_boundary');
    await using data = await temporaryDirectory();
    await using source = await temporaryDirectory();
    await layTimeline(source.path, snapshot.id, snapshot.files);
    await using ours = await startDonorOf(await openMap(source.path, { safekeeperId: 1n }), snapshot);
    await using theirs = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => void response.write(snapshot.body, () => response.destroy()),
    });
    await using recipient = await openRecipient(data.path);

    await expect(recipient.pull(snapshot.id, [theirs.url])).rejects.toMatchObject({ reason: 'SnapshotBroken' });
    expect(await listTemp(data.path)).toEqual([]);

    expect(await recipient.pull(snapshot.id, [ours.url])).toBe(ours.url);
    expect(fingerprints(await readLiveTimeline(data.path, snapshot.id))).toEqual(fingerprints(snapshot.files));
    expect(formatLsn(recipient.map.get(snapshot.id).flushLsn)).toBe(snapshot.status['flush_lsn']);
  });
});

describe('a snapshot of our own donor', () => {
  test.each(['resident_partial', 'resident_14_segments', 'full_segments_no_partial', 'gen0_v9', 'uninitialized'])(
    '%s arrives byte for byte',
    async (name) => {
      const snapshot = await recordedSnapshot(name);
      await using source = await temporaryDirectory();
      await using data = await temporaryDirectory();
      await layTimeline(source.path, snapshot.id, snapshot.files);
      await using donor = await startDonorOf(await openMap(source.path, { safekeeperId: 1n }), snapshot);
      await using recipient = await openRecipient(data.path);
      expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
      expect(fingerprints(await readLiveTimeline(data.path, snapshot.id))).toEqual(fingerprints(snapshot.files));
    },
  );
});

describe('what exists already', () => {
  test('is answered with null whatever the hosts are, and takes over a newer configuration', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    await layTimeline(data.path, snapshot.id, snapshot.files);
    await using recipient = await openRecipient(data.path);

    expect(await recipient.pull(snapshot.id, [])).toBeNull();
    expect(await recipient.pull(snapshot.id, ['http://127.0.0.1:1'])).toBeNull();
    expect(await recipient.pull(snapshot.id, [], { membership: configuration(1, [4n]) })).toBeNull();
    expect(recipient.map.get(snapshot.id).controlFile.membership.members).toHaveLength(3);
    expect(await recipient.pull(snapshot.id, [], { membership: configuration(5, [1n, 4n]) })).toBeNull();
    expect((await openMap(data.path)).get(snapshot.id).controlFile.membership).toEqual(configuration(5, [1n, 4n]));
    await expect(recipient.pull(snapshot.id, [], { membership: configuration(5, [1n, 2n]) })).rejects.toMatchObject({
      reason: 'NotAMember',
      message:
        'refused to pull timeline with gen=5, members=([id=1, ep=127.0.0.1:5471], [id=2, ep=127.0.0.1:5472]), new_members=none, node 4 is not member of it',
    });
  });

  test.each([
    ['an empty directory', new Map<string, Uint8Array>()],
    ['a directory with a damaged control file', new Map([['safekeeper.control', Buffer.from('damaged')]])],
  ])(
    '%s that could not be loaded is never overwritten, and once removed no longer in the way',
    async (_what, files) => {
      const snapshot = await recordedSnapshot('uninitialized');
      await using data = await temporaryDirectory();
      await layTimeline(data.path, snapshot.id, new Map([['x', Buffer.alloc(0)], ...files]));
      await rm(join(data.path, snapshot.id.tenantId, snapshot.id.timelineId, 'x'));
      await using donor = await startRecordedDonor(snapshot);
      await using recipient = await openRecipient(data.path);
      expect(recipient.map.unloaded.map(({ id }) => id)).toEqual([snapshot.id]);
      const before = await readLiveTimeline(data.path, snapshot.id);

      await expect(recipient.pull(snapshot.id, [donor.url])).rejects.toMatchObject({
        reason: 'TimelineNotLoaded',
        message: expect.stringContaining("exists on disk, but wasn't loaded on startup") as string,
      });
      expect(await readLiveTimeline(data.path, snapshot.id)).toEqual(before);

      await rm(join(data.path, snapshot.id.tenantId), { recursive: true });
      expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
    },
  );
});

describe('tombstones', () => {
  test('refuse a pull until it ignores them, also after a restart', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot);
    {
      await using recipient = await openRecipient(data.path);
      await recipient.pull(snapshot.id, [donor.url]);
      expect(await deleteTimeline(recipient.map, snapshot.id, never)).toEqual({ dirExisted: true });
    }
    await using recipient = await openRecipient(data.path);
    const name = `${snapshot.id.tenantId}/${snapshot.id.timelineId}`;
    await expect(
      recipient.pull(snapshot.id, [donor.url], { membership: configuration(99, [4n]) }),
    ).rejects.toMatchObject({ reason: 'TimelineDeleted', message: `Timeline ${name} deleted` });
    expect(await recipient.pull(snapshot.id, [donor.url], { ignoreTombstone: true })).toBe(donor.url);
  });

  test('that appear during the download refuse the installation', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    await using recipient = await openRecipient(data.path);
    const { map } = recipient;
    await using donor = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => void deleteTimeline(map, snapshot.id, never).then(() => response.end(snapshot.body)),
    });
    await expect(recipient.pull(snapshot.id, [donor.url])).rejects.toMatchObject({ reason: 'TimelineDeleted' });
    expect(await readLiveTimeline(data.path, snapshot.id)).toEqual(new Map());
    expect(await listTemp(data.path)).toEqual([]);
  });
});

describe('several pulls at once', () => {
  test('of one timeline from one of our donors: one wins, the others see the broken body', async () => {
    const snapshot = await recordedSnapshot('resident_14_segments');
    await using source = await temporaryDirectory();
    await using data = await temporaryDirectory();
    await layTimeline(source.path, snapshot.id, snapshot.files);
    await using donor = await startDonorOf(await openMap(source.path, { safekeeperId: 1n }), snapshot);
    await using recipient = await openRecipient(data.path);
    const pulls = await Promise.allSettled([1, 2, 3].map(() => recipient.pull(snapshot.id, [donor.url])));
    expect(pulls.filter((pull) => pull.status === 'fulfilled')).toEqual([{ status: 'fulfilled', value: donor.url }]);
    for (const pull of pulls) {
      if (pull.status === 'rejected') expect(pull.reason).toMatchObject({ reason: 'SnapshotBroken' });
    }
    expect(fingerprints(await readLiveTimeline(data.path, snapshot.id))).toEqual(fingerprints(snapshot.files));
    expect(await listTemp(data.path)).toEqual([]);
  });

  test('of one timeline from two donors: the slower one finds that it exists', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    await using quick = await startRecordedDonor(snapshot);
    await using recipient = await openRecipient(data.path);
    await using slow = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => void recipient.pull(snapshot.id, [quick.url]).then(() => response.end(snapshot.body)),
    });
    expect(await recipient.pull(snapshot.id, [slow.url])).toBeNull();
    expect(await listTemp(data.path)).toEqual([]);
  });

  test('while another one installs it is a conflict', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot);
    await using recipient = await openRecipient(data.path);
    const claim = recipient.map.markCreation(snapshot.id, { generation: undefined, ignore: false });
    await expect(recipient.pull(snapshot.id, [donor.url])).rejects.toMatchObject({
      reason: 'CreationConflict',
      message: 'Creation in progress',
    });
    if (claim.kind === 'Marked') claim.mark[Symbol.dispose]();
    expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
  });

  test('of six timelines all succeed and are counted', async () => {
    const names = ['resident_partial', 'resident_14_segments', 'full_segments_no_partial', 'gen0_v9'];
    const snapshots = await Promise.all([...names, 'uninitialized', 'offloaded'].map(recordedSnapshot));
    await using data = await temporaryDirectory();
    await using recipient = await openRecipient(data.path);
    await Promise.all(
      snapshots.map(async (snapshot) => {
        await using donor = await startRecordedDonor(snapshot);
        expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
      }),
    );
    expect(recipient.map.list()).toHaveLength(6);
    const sizes = snapshots.flatMap((snapshot) => [...snapshot.files.values()].map((file) => file.length));
    expect(recipient.transfers.totals('Pull')).toEqual({
      started: 6,
      bytes: sizes.reduce((sum, size) => sum + size, 0),
      segments: sizes.length - 6,
    });
    expect(recipient.transfers.list()).toEqual([]);
  });
});
