import { describe, expect, test } from 'vitest';
import { decodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import {
  configuration,
  openRecipient,
  readLiveTimeline,
  recordedSnapshot,
  startRecordedDonor,
  temporaryDirectory,
} from './harness.ts';

interface DonorState {
  readonly id?: number;
  readonly term?: number;
  readonly epoch?: number;
  readonly flush?: string;
}

describe('the donor', () => {
  test.each<[string, DonorState, DonorState]>([
    ['the highest last_log_term beats more WAL', { epoch: 1, flush: '0/4800000' }, { epoch: 0, flush: '0/4900030' }],
    ['more WAL beats a higher voted term', { flush: '0/4800030' }, { term: 9, flush: '0/4800000' }],
    ['a higher voted term decides between equal logs', { term: 9 }, { term: 1 }],
    ['the lowest id decides between equals', { id: 1 }, { id: 3 }],
  ])('%s', async (_rule, better, worse) => {
    const snapshot = await recordedSnapshot('resident_partial');
    const start = (idDefault: number, { id = idDefault, term = 1, epoch = 1, flush = '0/4800030' }: DonorState) => {
      const acceptor_state = { ...(snapshot.status['acceptor_state'] as object), term, epoch };
      return startRecordedDonor(snapshot, { id, status: { flush_lsn: flush, acceptor_state } });
    };
    await using first = await start(2, worse);
    await using second = await start(3, better);
    for (const hosts of [
      [first.url, second.url],
      [second.url, first.url],
    ]) {
      await using data = await temporaryDirectory();
      await using recipient = await openRecipient(data.path);
      expect(await recipient.pull(snapshot.id, hosts)).toBe(second.url);
    }
  });

  test('is never a safekeeper with our own id', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot, { id: 4 });
    await using recipient = await openRecipient(data.path);
    await expect(recipient.pull(snapshot.id, [donor.url])).rejects.toMatchObject({ reason: 'NoDonor' });
    expect(donor.snapshotsServed()).toBe(0);
  });

  test('is never one of two hosts with the same id', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    await using one = await startRecordedDonor(snapshot, { id: 2 });
    await using other = await startRecordedDonor(snapshot, { id: 2 });
    await using behind = await startRecordedDonor(snapshot, { id: 3, status: { flush_lsn: '0/4700000' } });
    await using recipient = await openRecipient(data.path);
    await expect(recipient.pull(snapshot.id, [one.url, other.url])).rejects.toMatchObject({ reason: 'NoDonor' });
    expect(await recipient.pull(snapshot.id, [one.url, behind.url, other.url])).toBe(behind.url);
    expect([one.snapshotsServed(), other.snapshotsServed()]).toEqual([0, 0]);
  });

  test('may be a host that is given twice', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot);
    await using recipient = await openRecipient(data.path);
    expect(await recipient.pull(snapshot.id, [donor.url, donor.url])).toBe(donor.url);
  });
});

describe('term and configuration', () => {
  test('the highest term that any host showed is in the installed control file, with the requested configuration', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot);
    const acceptor_state = { ...(snapshot.status['acceptor_state'] as object), term: 12 };
    await using voter = await startRecordedDonor(snapshot, {
      id: 2,
      status: { flush_lsn: '0/4700000', acceptor_state },
    });
    await using recipient = await openRecipient(data.path);
    const membership = configuration(4, [1n, 2n, 4n]);

    expect(await recipient.pull(snapshot.id, [donor.url, voter.url], { membership })).toBe(donor.url);

    const files = await readLiveTimeline(data.path, snapshot.id);
    const sent = decodeControlFile(snapshot.files.get('safekeeper.control')!);
    expect(decodeControlFile(files.get('safekeeper.control')!)).toEqual({ ...sent, term: 12n, membership });
    expect(recipient.map.get(snapshot.id).controlFile.term).toBe(12n);
  });

  test('a host of a newer generation than the request is a conflict', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    const mconf = { ...(snapshot.status['mconf'] as object), generation: 7 };
    await using donor = await startRecordedDonor(snapshot, { status: { mconf } });
    await using recipient = await openRecipient(data.path);
    await expect(
      recipient.pull(snapshot.id, [donor.url], { membership: configuration(4, [4n]) }),
    ).rejects.toMatchObject({
      reason: 'GenerationConflict',
      message: `cannot pull timeline with generation 4: timeline ${snapshot.id.timelineId} already exists with generation 7 on ${donor.url}`,
    });
  });
});
