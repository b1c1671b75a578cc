import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { decodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { term } from '../../src/domain/term.ts';
import { archive } from './archive.ts';
import { BAD_BODIES, changedControlFile, CUT_BETWEEN_ENTRIES } from './bad-archives.ts';
import { faultyFileSystem, type Operation, systemError } from './faulty-file-system.ts';
import {
  fingerprints,
  layTimeline,
  listTemp,
  never,
  openMap,
  openRecipient,
  readLiveTimeline,
  type RecordedSnapshot,
  recordedSnapshot,
  startDonorOf,
  startScriptedDonor,
  statusText,
  temporaryDirectory,
} from './harness.ts';

/** The first attempt goes wrong; afterwards nothing may be left of it, and the second succeeds. */
async function expectFailureThenSuccess(
  snapshot: RecordedSnapshot,
  sendBadly: (response: ServerResponse) => void,
  expected: { reason: string; message?: unknown },
  stallTimeoutMs = 5_000,
): Promise<void> {
  await using data = await temporaryDirectory();
  await using donor = await startScriptedDonor({
    status: statusText(snapshot.status),
    sendSnapshot: (response, attempt) => (attempt === 1 ? sendBadly(response) : response.end(snapshot.body)),
  });
  await using recipient = await openRecipient(data.path);
  const failing = recipient.pull(snapshot.id, [donor.url], { options: { stallTimeoutMs } });
  await expect(failing).rejects.toBeInstanceOf(Failure);
  await expect(failing).rejects.toMatchObject(expected);
  expect(await listTemp(data.path)).toEqual([]);
  expect(await readLiveTimeline(data.path, snapshot.id)).toEqual(new Map());
  expect(recipient.map.find(snapshot.id)).toEqual({ kind: 'NotFound' });
  expect(recipient.transfers.list()).toEqual([]);

  expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
  expect(fingerprints(await readLiveTimeline(data.path, snapshot.id))).toEqual(fingerprints(snapshot.files));
}

describe('a body that ends cleanly but holds', () => {
  test.each(BAD_BODIES)('%s is refused', async (_what, message, build) => {
    const snapshot = await recordedSnapshot('resident_partial');
    const body = await build(snapshot);
    await expectFailureThenSuccess(snapshot, (response) => void response.end(body), {
      reason: 'InvalidSnapshot',
      message: expect.stringContaining(message) as string,
    });
  });

  test('a newer generation than the request is a conflict', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { membership } = decodeControlFile(snapshot.files.get('safekeeper.control')!);
    const newer = { membership: { ...membership, generation: 9 } };
    const body = await archive(changedControlFile(snapshot, newer));
    await using data = await temporaryDirectory();
    await using donor = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => response.end(body),
    });
    await using recipient = await openRecipient(data.path, { safekeeperId: 3n });
    await expect(recipient.pull(snapshot.id, [donor.url], { membership })).rejects.toMatchObject({
      reason: 'GenerationConflict',
    });
  });
});

describe('a stream that', () => {
  test.each([
    ['at once', 0],
    ['between two entries', CUT_BETWEEN_ENTRIES],
    ['inside an entry', 700_000],
    ['after the last entry', 3148288],
  ])('breaks %s is an error', async (_where, sizeBytes) => {
    const snapshot = await recordedSnapshot('resident_partial');
    const send = (response: ServerResponse) => {
      response.flushHeaders();
      response.write(sizeBytes === 0 ? '' : snapshot.body.subarray(0, sizeBytes), () => response.destroy());
    };
    await expectFailureThenSuccess(snapshot, send, {
      reason: 'SnapshotBroken',
      message: expect.stringMatching(/^error decoding response body: /) as string,
    });
  });

  test('falls silent is given up', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await expectFailureThenSuccess(
      snapshot,
      (response) => void response.write(snapshot.body.subarray(0, 700_000)),
      { reason: 'DonorStalled', message: 'the donor sent nothing for 100 ms' },
      100,
    );
  });

  test('is refused by the donor says why', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await expectFailureThenSuccess(
      snapshot,
      (response) => void response.writeHead(404).end(JSON.stringify({ msg: 'NotFound: timeline not found' })),
      { reason: 'SafekeeperRefused', message: expect.stringContaining('timeline not found') as string },
    );
  });

  test('is of a donor whose term is raised meanwhile breaks', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using source = await temporaryDirectory();
    await using data = await temporaryDirectory();
    await layTimeline(source.path, snapshot.id, snapshot.files);
    const map = await openMap(source.path, { safekeeperId: 1n });
    let bumped = false;
    await using donor = await startDonorOf(map, snapshot, {
      afterList: async () => {
        if (!bumped) await map.get(snapshot.id).bumpTerm(term(5n), never);
        bumped = true;
      },
    });
    await using recipient = await openRecipient(data.path);
    await expect(recipient.pull(snapshot.id, [donor.url])).rejects.toMatchObject({ reason: 'SnapshotBroken' });
    expect(await listTemp(data.path)).toEqual([]);
    expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
    expect(recipient.map.get(snapshot.id).controlFile.term).toBe(5n);
  });

  test('nobody wants any more is cancelled, and its temp directory is gone', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const abort = new AbortController();
    await using data = await temporaryDirectory();
    await using donor = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => {
        response.write(snapshot.body.subarray(0, 700_000));
        setTimeout(() => abort.abort(new Error('the client went away')), 20);
      },
    });
    await using recipient = await openRecipient(data.path);
    const pull = recipient.pull(snapshot.id, [donor.url], { signal: abort.signal });
    await expect(pull).rejects.toThrow('the client went away');
    expect(await listTemp(data.path)).toEqual([]);
  });
});

describe('a disk that fails', () => {
  const STEPS: [string, Operation, RegExp][] = [
    ['creating the temp directory', 'makeDirectory', /_temptli$/],
    ['creating a segment', 'open', /0048\.partial$/],
    ['giving a segment its size', 'truncate', /0047$/],
    ['writing a segment', 'writev', /0047$/],
    ['syncing a segment', 'datasync', /0046$/],
    ['writing the control file', 'writev', /safekeeper\.control$/],
    ['syncing the control file', 'datasync', /safekeeper\.control$/],
    ['syncing the temp directory', 'syncDirectory', /_temptli$/],
    ['creating the tenant directory', 'makeDirectory', /1{32}$/],
    ['the rename', 'rename', /1{32}\/a0{30}1$/],
  ];

  test.each(STEPS)('while %s leaves nothing behind, and the next try succeeds', async (_step, operation, path) => {
    const snapshot = await recordedSnapshot('resident_partial');
    await using data = await temporaryDirectory();
    await using donor = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => response.end(snapshot.body),
    });
    let failures = 1;
    const files = faultyFileSystem((called, onPath) => {
      if (called === operation && path.test(onPath) && failures-- > 0) throw systemError('ENOSPC');
    });
    await using recipient = await openRecipient(data.path, { files });
    await expect(recipient.pull(snapshot.id, [donor.url])).rejects.toMatchObject({
      reason: 'DiskFull',
      message: expect.stringContaining('ENOSPC') as string,
    });
    // A write that fails is not waited for before the next one is under way.
    expect(failures).toBeLessThan(1);
    expect(await listTemp(data.path)).toEqual([]);
    expect(await readLiveTimeline(data.path, snapshot.id)).toEqual(new Map());
    expect(recipient.map.find(snapshot.id)).toEqual({ kind: 'NotFound' });
    expect(await recipient.pull(snapshot.id, [donor.url])).toBe(donor.url);
    expect(fingerprints(await readLiveTimeline(data.path, snapshot.id))).toEqual(fingerprints(snapshot.files));
  });
});
