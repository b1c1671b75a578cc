import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import type { FileSystem, OpenFile } from '../disk/file-system.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../safekeeper/control-file-codec.ts';
import { partialSegmentFileName, segmentFileName, type SegmentNumber, segmentsOf } from '../safekeeper/wal-segment.ts';
import { finishSnapshot, requireBoundedSegments, type SnapshotContext, startSnapshot } from './snapshot-context.ts';
import { END_OF_ARCHIVE, tarHeader, tarPadding } from './tar-entry.ts';
import type { Timeline } from './timeline.ts';
import type { TransferMeter } from './transfer-progress.ts';

const READ_BYTES = 1024 * 1024;

export interface DonateOptions {
  readonly files: FileSystem;
  /** Told about every segment and byte that goes out. */
  readonly meter: TransferMeter;
  /** Awaited between the list of segments and the first of them; for tests that need a snapshot to be under way. */
  readonly afterList?: (context: SnapshotContext, signal: AbortSignal) => Promise<void>;
}

/**
 * The snapshot archive of a timeline, piece by piece: control file, every segment in order, end-of-archive marker. The
 * iteration throws, before the marker, whenever the archive is not whole and of one history: the server must then
 * break the body. Leaving the iteration early releases everything; so do the signal and the timeline's deletion.
 *
 * Failures: `RemoteStorageNotConfigured` before the first byte; `WalRemovalOnHold` (another snapshot of this timeline is
 * being sent) and `TooManySegments` after the control file, as from real safekeepers; `SegmentMissing`,
 * `SegmentDamaged`, `TermChanged`.
 */
export async function* donate(
  timeline: Timeline,
  options: DonateOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const context = await startSnapshot(timeline, signal);
  const controlFile = encodeControlFile(context.controlFile);
  options.meter.expect(snapshotSizeBytes(context, controlFile.length));
  yield tarHeader({ name: CONTROL_FILE_NAME, sizeBytes: controlFile.length, modifiedMs: 0 });
  yield controlFile;
  options.meter.addBytes(controlFile.length);

  requireBoundedSegments(context.segments);
  using _hold = timeline.holdWalRemoval();
  yield tarPadding(controlFile.length);
  await options.afterList?.(context, signal);
  for (const segment of context.segments === undefined ? [] : segmentsOf(context.segments)) {
    yield* donateSegment(context, segment, options, signal);
    options.meter.addSegment();
  }
  finishSnapshot(context);
  yield END_OF_ARCHIVE;
}

async function* donateSegment(
  context: SnapshotContext,
  segment: SegmentNumber,
  options: DonateOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { walSegmentSize } = context.controlFile.server;
  const { name, file: opened } = await openSegment(options.files, context.timeline.directory, segment, walSegmentSize);
  await using file = opened;
  const { sizeBytes, modifiedMs } = await file.status();
  if (sizeBytes !== walSegmentSize) throw segmentDamaged(name, `has ${sizeBytes} of ${walSegmentSize} bytes`);
  yield tarHeader({ name, sizeBytes, modifiedMs });
  for (let position = 0; position < sizeBytes; position += READ_BYTES) {
    signal.throwIfAborted();
    context.timeline.cancelled.throwIfAborted();
    // The one before may still be on its way to the socket, so no buffer is used twice.
    const buffer = Buffer.allocUnsafeSlow(Math.min(READ_BYTES, sizeBytes - position));
    if ((await file.readAt(buffer, position)) < buffer.length) throw segmentDamaged(name, 'became shorter meanwhile');
    yield buffer;
    options.meter.addBytes(buffer.length);
  }
}

/** The complete segment first; real donors do the same when both names exist. */
async function openSegment(
  files: FileSystem,
  directory: string,
  segment: SegmentNumber,
  walSegmentSize: number,
): Promise<{ name: string; file: OpenFile }> {
  const fullName = segmentFileName(segment, walSegmentSize);
  for (const name of [fullName, partialSegmentFileName(segment, walSegmentSize)]) {
    const path = join(directory, name);
    if ((await files.status(path)) !== undefined) return { name, file: await files.open(path, 'Read') };
  }
  throw new Failure('SegmentMissing', `couldn't find WAL segment file ${join(directory, fullName)}`, {
    retry: 'after-change',
  });
}

function snapshotSizeBytes(context: SnapshotContext, controlFileBytes: number): number {
  const { segments, controlFile } = context;
  const count = segments === undefined ? 0 : Number(segments.last - segments.first + 1n);
  return controlFileBytes + count * controlFile.server.walSegmentSize;
}

function segmentDamaged(name: string, problem: string): Failure {
  return new Failure('SegmentDamaged', `WAL segment file ${name} ${problem}`, { retry: 'after-change' });
}
