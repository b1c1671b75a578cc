import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { Failure } from '../../src/base/failure.ts';
import { formatLsn, parseLsn } from '../../src/domain/lsn.ts';
import { parseTimelineStatus } from '../../src/safekeeper/api.ts';
import { decodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { findWalEnd } from '../../src/safekeeper/wal-end.ts';
import { ArchivedWal } from '../../src/transfer/archived-wal.ts';
import { readArchivedControlFile } from '../../src/transfer/archive-members.ts';
import { passArchive, type PassedArchive } from '../../src/transfer/pass-archive.ts';
import { TarReader } from '../../src/transfer/tar-reader.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import { readJsonFixture } from '../support/fixtures.ts';
import { readTarFixture } from '../support/tar-fixtures.ts';
import { memoryWalSource } from '../support/wal-memory.ts';
import { safekeeperId } from '../agent/test-agent.ts';
import { archive, END_OF_ARCHIVE, type Entry } from './archive.ts';
import { BAD_BODIES, changedControlFile } from './bad-archives.ts';
import { never, type RecordedSnapshot, recordedSnapshot, statusText } from './harness.ts';

const MIB = 1024 * 1024;

/** A body that comes in pieces of one size, each overwritten by the next, and then ends or breaks. */
async function* piecesOf(bytes: Uint8Array, sizeBytes: number, problem?: Error): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(sizeBytes);
  for (let at = 0; at < bytes.length; at += sizeBytes) {
    const piece = buffer.subarray(0, Math.min(sizeBytes, bytes.length - at));
    piece.set(bytes.subarray(at, at + piece.length));
    yield piece;
  }
  if (problem !== undefined) throw problem;
}

interface Passed {
  readonly sent: Buffer;
  readonly outcome: PromiseSettledResult<PassedArchive>;
  readonly counted: { bytes: number; segments: number };
}

/** Passes an archive on as the recorded snapshot, and collects what came out. */
async function pass(
  snapshot: RecordedSnapshot,
  body: Uint8Array,
  { pieceBytes = 65_521, problem }: { pieceBytes?: number; problem?: Error } = {},
): Promise<Passed> {
  const sent: Buffer[] = [];
  const transfers = new TransferRegistry(systemClock);
  using transfer = transfers.begin('Pull', snapshot.id, 'test');
  const { server, flushLsn, lastLogTerm } = parseTimelineStatus(statusText(snapshot.status));
  let isDestroyed = false;
  const [outcome] = await Promise.allSettled([
    passArchive(
      Object.assign(piecesOf(body, pieceBytes, problem), { destroy: () => (isDestroyed = true) }),
      { write: async (bytes) => void sent.push(Buffer.from(bytes)) },
      { id: snapshot.id, donor: 'the donor', server, flushLsn, lastLogTerm },
      { meter: transfer.meter, recipient: safekeeperId(4), remoteStorage: undefined, stallTimeoutMs: 5_000 },
      never,
    ),
  ]);
  expect(isDestroyed).toBe(true);
  const { bytes, segments } = transfers.list()[0]!;
  return { sent: Buffer.concat(sent), outcome, counted: { bytes, segments } };
}

describe('a recorded snapshot passes byte for byte', () => {
  test.each([
    'resident_partial',
    'resident_14_segments',
    'full_segments_no_partial',
    'gen0_v9',
    'uninitialized',
    'compute_created_greeting_only',
    'resident_partial_uploaded',
    'offloaded',
    'offloaded_gen0_v9',
  ])('%s', async (name) => {
    const snapshot = await recordedSnapshot(name);
    for (const pieceBytes of [100, 65_521, 4 * MIB]) {
      const { sent, outcome, counted } = await pass(snapshot, snapshot.body, { pieceBytes });
      if (outcome.status === 'rejected') throw outcome.reason;
      expect(sent.equals(snapshot.body)).toBe(true);
      expect(formatLsn(outcome.value.flushLsn)).toBe(snapshot.status['flush_lsn']);
      const sizeBytes = [...snapshot.files.values()].reduce((sum, content) => sum + content.length, 0);
      expect(counted).toEqual({ bytes: sizeBytes, segments: snapshot.files.size - 1 });
    }
  });

  test('also with the end-of-archive marker', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const body = Buffer.concat([snapshot.body, END_OF_ARCHIVE]);
    expect((await pass(snapshot, body)).outcome.status).toBe('fulfilled');
  });
});

describe('a body that ends cleanly but holds', () => {
  test.each(BAD_BODIES)('%s is refused', async (_what, message, build) => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { outcome } = await pass(snapshot, await build(snapshot));
    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { reason: 'InvalidSnapshot', message: expect.stringContaining(message) as string },
    });
  });

  test('a part of a longer one, cut at any entry, is refused', async () => {
    const snapshot = await recordedSnapshot('resident_14_segments');
    const boundaries = [...snapshot.files].slice(0, -1).reduce<number[]>((ends, [, content]) => {
      const padded = Math.ceil(content.length / 512) * 512;
      return [...ends, (ends.at(-1) ?? 0) + 512 + padded];
    }, []);
    expect(boundaries.length).toBe(snapshot.files.size - 1);
    for (const end of boundaries) {
      const { outcome } = await pass(snapshot, snapshot.body.subarray(0, end));
      expect(outcome, `cut at ${end}`).toMatchObject({ status: 'rejected', reason: { reason: 'InvalidSnapshot' } });
    }
  });

  test('WAL that ends before what the donor claimed is refused', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const claimsMore = { ...snapshot, status: { ...snapshot.status, flush_lsn: '0/4800038' } };
    const { outcome } = await pass(claimsMore, snapshot.body);
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining('0/4800038') as string } });
  });

  test('an uploaded segment of another safekeeper is refused', async () => {
    const snapshot = await recordedSnapshot('resident_partial_uploaded');
    const { partialBackup } = decodeControlFile(snapshot.files.get('safekeeper.control')!);
    const others = partialBackup.map((segment) => ({ ...segment, name: segment.name.replace(/_sk\d+/, '_sk9') }));
    const { outcome } = await pass(snapshot, await archive(changedControlFile(snapshot, { partialBackup: others })));
    expect(outcome).toMatchObject({ reason: { message: expect.stringContaining('does not belong') as string } });
  });
});

test('a body that breaks behind its last byte is no snapshot', async () => {
  const snapshot = await recordedSnapshot('resident_partial');
  const { outcome } = await pass(snapshot, snapshot.body, { problem: new Error('the connection was reset') });
  expect(outcome).toMatchObject({
    reason: { reason: 'SnapshotBroken', message: 'error decoding response body: the connection was reset' },
  });
});

test('a sink that fails ends it', async () => {
  const snapshot = await recordedSnapshot('resident_partial');
  const { server, flushLsn, lastLogTerm } = parseTimelineStatus(statusText(snapshot.status));
  const meter = { expect: () => undefined, addBytes: () => undefined, addSegment: () => undefined };
  const passing = passArchive(
    Object.assign(piecesOf(snapshot.body, MIB), { destroy: () => undefined }),
    { write: () => Promise.reject(new Failure('OutputClosed', 'nobody reads')) },
    { id: snapshot.id, donor: 'the donor', server, flushLsn, lastLogTerm },
    { meter, recipient: safekeeperId(4), remoteStorage: undefined, stallTimeoutMs: 5_000 },
    never,
  );
  await expect(passing).rejects.toMatchObject({ reason: 'OutputClosed' });
});

// A switch record makes the search jump, over whole files or within one.
describe('the end of WAL that passes by is that of the same files on disk', async () => {
  const { body, files: control } = await recordedSnapshot('resident_partial');
  const wal = await readTarFixture('wal', 'postgres-1m', 'files.tar.gz');
  const meta = readJsonFixture('wal', 'postgres-1m', 'meta.json') as { start_lsn: string; end_lsn: string };
  const meter = { expect: () => undefined, addBytes: () => undefined, addSegment: () => undefined };

  test('past a switch record', async () => {
    const segments = [...wal].filter(([name]) => /^[0-9A-F]{24}$/.test(name));
    const recorded = decodeControlFile(control.get('safekeeper.control')!);
    const server = { ...recorded.server, pgVersion: 150_000 };
    const startLsn = parseLsn(meta.start_lsn)!;
    const first = changedControlFile(
      { id: recorded, body, files: control, status: {} },
      { server, commitLsn: startLsn, remoteConsistentLsn: startLsn, backupLsn: startLsn },
    )[0] as Entry;
    const reader = new TarReader(piecesOf(await archive([first, ...segments]), 100_003));
    const { controlFile } = await readArchivedControlFile(reader);
    const source = new ArchivedWal(reader, controlFile, meter);
    const passed = await findWalEnd({ source, startLsn, ...server, signal: never });
    const onDisk = await findWalEnd({ source: memoryWalSource(wal), startLsn, ...server, signal: never });
    expect(formatLsn(passed)).toBe(meta.end_lsn);
    expect(passed).toBe(onDisk);
    await source.finish();
  });
});
