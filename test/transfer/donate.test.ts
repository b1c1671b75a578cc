import { open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { deleteTimeline } from '../../src/transfer/delete-timeline.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import { END_OF_ARCHIVE } from './archive.ts';
import { collect, openDonor, unpack } from './donor.ts';
import { faultyFileSystem, type Operation, systemError } from './faulty-file-system.ts';
import { fingerprints, never } from './harness.ts';

describe('a whole snapshot', () => {
  test.each([
    'resident_partial',
    'resident_14_segments',
    'full_segments_no_partial',
    'gen0_v9',
    'uninitialized',
    'compute_created_greeting_only',
    'flush_lsn_at_segment_boundary',
  ])('%s has the recorded files in the recorded order and ends with a marker', async (name) => {
    await using donor = await openDonor(name);
    const { bytes, error } = await collect(donor.open());
    expect(error).toBeUndefined();
    const files = await unpack(bytes);
    expect([...files.keys()]).toEqual([...donor.snapshot.files.keys()]);
    expect(fingerprints(files)).toEqual(fingerprints(donor.snapshot.files));
    expect(bytes.length).toBe(donor.snapshot.body.length + END_OF_ARCHIVE.length);
    expect(bytes.subarray(-END_OF_ARCHIVE.length).equals(END_OF_ARCHIVE)).toBe(true);
    const sizes = [...files.values()].map((content) => content.length);
    const totalBytes = sizes.reduce((sum, size) => sum + size, 0);
    expect(donor.transfers.list()).toMatchObject([{ bytes: totalBytes, segments: sizes.length - 1, totalBytes }]);
  });

  test('segments that everybody has beyond this safekeeper are left out', async () => {
    const horizon = parseLsn('0/4700000')!;
    await using donor = await openDonor('resident_partial', { remoteConsistentLsn: horizon, backupLsn: horizon });
    const { bytes } = await collect(donor.open());
    expect([...(await unpack(bytes)).keys()]).toEqual([
      'safekeeper.control',
      '000000010000000000000047',
      '000000010000000000000048.partial',
    ]);
  });

  test('of X and X.partial takes X', async () => {
    await using donor = await openDonor('resident_partial');
    await writeFile(join(donor.directory, '000000010000000000000047.partial'), Buffer.alloc(1024 * 1024));
    const files = await unpack((await collect(donor.open())).bytes);
    expect(fingerprints(files)).toEqual(fingerprints(donor.snapshot.files));
  });
});

describe('what is sent', () => {
  test('of a sparse segment is its bytes, and its holes are not read', async () => {
    await using donor = await openDonor('resident_partial');
    const path = join(donor.directory, '000000010000000000000047');
    await truncate(path, 0);
    await truncate(path, 1024 * 1024);
    const segment = await open(path, 'r+');
    await segment.write(Buffer.alloc(10_000, 'begin'), 0, 10_000, 0);
    await segment.write(Buffer.alloc(10_000, 'middle'), 0, 10_000, 600_000);
    await segment.close();
    let readBytes = 0;
    const files = recordingReads(nodeFileSystem, (onPath, count) => {
      if (onPath === path) readBytes += count;
    });
    const sent = await unpack((await collect(donor.open({ files }))).bytes);
    expect(sent.get('000000010000000000000047')?.equals(await readFile(path))).toBe(true);
    if (process.platform === 'linux') expect(readBytes).toBeLessThan(512 * 1024);
  });

  test('stays as it is until the next piece but one is asked for, though all snapshots share their memory', async () => {
    await using one = await openDonor('resident_partial');
    await using other = await openDonor('resident_14_segments');
    const { memory } = one.map;
    for (let round = 0; round < 2; round++) {
      const [first, second] = await Promise.all([
        collectLate(one.open({ memory })),
        collectLate(other.open({ memory })),
      ]);
      expect(fingerprints(await unpack(first))).toEqual(fingerprints(one.snapshot.files));
      expect(fingerprints(await unpack(second))).toEqual(fingerprints(other.snapshot.files));
    }
  });
});

test('the memory of a snapshot that is broken off is not used for another one: its last bytes may still be being sent', async () => {
  await using donor = await openDonor('resident_14_segments');
  const { memory } = donor.map;
  const seen = new Set<ArrayBufferLike>();
  const buffersOf = async (stream: AsyncIterable<Uint8Array>, count: number) => {
    const memories = new Set<ArrayBufferLike>();
    for await (const { length, buffer } of stream) {
      if (length > 100_000) memories.add(buffer);
      if (--count === 0) break;
    }
    return memories;
  };
  for (const buffer of await buffersOf(donor.open({ memory }), 5)) seen.add(buffer);
  const failing = donor.open({ memory, files: faultyFileSystem(failAt('readAt', 3)) });
  await expect(buffersOf(failing, 100)).rejects.toMatchObject({ code: 'EIO' });
  const whole = await buffersOf(donor.open({ memory }), 1_000);
  expect([...whole].filter((buffer) => seen.has(buffer))).toEqual([]);
  // One that was sent whole leaves its memory to the next.
  expect(await buffersOf(donor.open({ memory }), 1_000)).toEqual(whole);
});

function failAt(failing: Operation, call: number): (operation: Operation) => void {
  let calls = 0;
  return (operation) => {
    if (operation === failing && ++calls === call) throw systemError('EIO');
  };
}

/** Looks at a piece only when the next one has come. */
async function collectLate(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let waiting: Uint8Array | undefined;
  for await (const piece of stream) {
    if (waiting !== undefined) pieces.push(Buffer.from(waiting));
    waiting = piece;
  }
  return Buffer.concat([...pieces, waiting ?? Buffer.alloc(0)]);
}

function recordingReads(base: FileSystem, onRead: (path: string, count: number) => void): FileSystem {
  return {
    ...base,
    open: async (path, mode) => {
      const file = await base.open(path, mode);
      const readAt = file.readAt.bind(file);
      return Object.assign(file, {
        readAt: async (buffer: Uint8Array, position: number) => {
          const count = await readAt(buffer, position);
          onRead(path, count);
          return count;
        },
      });
    },
  };
}

describe('a snapshot that fails', () => {
  test('because another one of the timeline is running, does so right after the control file', async () => {
    await using donor = await openDonor('resident_partial');
    const running = donor.open();
    for (let piece = 0; piece < 3; piece++) await running.next();
    expect(donor.map.get(donor.snapshot.id).walRemovalOnHold).toBe(true);

    const second = await collect(donor.open());
    expect(second.error).toMatchObject({ reason: 'WalRemovalOnHold', message: 'wal_removal_on_hold is already true' });
    expect(second.bytes.length).toBe(874);

    await running.return();
    expect(donor.map.get(donor.snapshot.id).walRemovalOnHold).toBe(false);
    expect((await collect(donor.open())).error).toBeUndefined();
  });

  test('because the term was raised, does so after all segments and without the marker', async () => {
    await using donor = await openDonor('resident_partial');
    const timeline = donor.map.get(donor.snapshot.id);
    const { bytes, error } = await collect(
      donor.open({ afterList: async () => void (await timeline.bumpTerm(undefined, never)) }),
    );
    expect(error).toMatchObject({ reason: 'TermChanged' });
    expect(bytes.length).toBe(donor.snapshot.body.length);
    expect(timeline.walRemovalOnHold).toBe(false);
  });

  test.each<[string, string, (path: string) => Promise<void>]>([
    ['missing', 'SegmentMissing', (path) => rm(path)],
    ['short', 'SegmentDamaged', (path) => truncate(path, 1024 * 1024 - 1)],
  ])('because a segment is %s, ends before it', async (_what, reason, damage) => {
    await using donor = await openDonor('resident_partial');
    await damage(join(donor.directory, '000000010000000000000047'));
    const { bytes, error } = await collect(donor.open());
    expect(error).toMatchObject({ reason });
    expect(bytes.length).toBe(1024 + 512 + 1024 * 1024);
    expect(donor.map.get(donor.snapshot.id).walRemovalOnHold).toBe(false);
  });

  test('because the timeline is deleted or nobody listens any more, releases everything', async () => {
    await using donor = await openDonor('resident_partial');
    const { snapshot, map } = donor;
    const timeline = map.get(snapshot.id);
    const abort = new AbortController();
    const left = await collect(
      donor.open({ afterList: () => Promise.resolve(abort.abort(new Error('gone'))) }, abort.signal),
    );
    expect(left.error).toMatchObject({ message: 'gone' });
    expect(timeline.walRemovalOnHold).toBe(false);
    const deleted = await collect(
      donor.open({ afterList: async () => void (await deleteTimeline(map, snapshot.id, never)) }),
    );
    expect(deleted.error).toBeInstanceOf(Error);
    expect(timeline.walRemovalOnHold).toBe(false);
  });

  test('because its reader leaves inside a segment, closes the file', async () => {
    await using donor = await openDonor('resident_partial');
    const calls: string[] = [];
    const files = faultyFileSystem((operation) => void calls.push(operation));
    for await (const piece of donor.open({ files })) {
      if (piece.length > 100_000) break;
    }
    expect(calls.filter((operation) => operation !== 'status')).toEqual(['open', 'extentAt', 'readAt', 'close']);
    expect(donor.map.get(donor.snapshot.id).walRemovalOnHold).toBe(false);
  });

  test('because it is too long, says how long', async () => {
    // Without a file for it, commit_lsn is where the WAL ends.
    await using tooLong = await openDonor('resident_partial', { commitLsn: parseLsn('0/42F00001')! });
    const { bytes, error } = await collect(tooLong.open());
    expect(error).toMatchObject({
      reason: 'TooManySegments',
      message: 'snapshot is called on timeline with 1002 segments, but the limit is 1000',
    });
    expect(bytes.length).toBe(874);
    await using longest = await openDonor('resident_partial', { commitLsn: parseLsn('0/42D00001')! });
    expect((await collect(longest.open())).error).toMatchObject({ reason: 'SegmentMissing' });
  });
});
