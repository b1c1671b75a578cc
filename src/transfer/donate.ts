import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import type { FileSystem, OpenFile } from '../disk/file-system.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../safekeeper/control-file-codec.ts';
import {
  partialSegmentFileName,
  segmentCount,
  segmentFileName,
  type SegmentNumber,
  segmentsOf,
} from '../safekeeper/wal-segment.ts';
import {
  finishSnapshot,
  requireBoundedSegments,
  type SnapshotContext,
  type SnapshotParties,
  startSnapshot,
} from './snapshot-context.ts';
import { TarWriter } from './tar-writer.ts';
import type { Timeline } from './timeline.ts';
import type { TransferMeter } from './transfer-progress.ts';

const READ_BYTES = 1024 * 1024;

export interface DonateOptions extends SnapshotParties {
  readonly files: FileSystem;
  /** Told about every segment and byte that goes out. */
  readonly meter: TransferMeter;
  /** Awaited between the list of segments and the first of them; for tests that need a snapshot to be under way. */
  readonly afterList?: (context: SnapshotContext, signal: AbortSignal) => Promise<void>;
}

/**
 * The snapshot archive of a timeline, piece by piece: control file, every segment in order, end-of-archive marker; of an
 * offloaded timeline no segments, and as many of it at once as are asked for. The iteration throws, before the marker, whenever the archive is not whole and of one history: the server must then
 * break the body. Leaving the iteration early releases everything; so do the signal and the timeline's deletion. A piece
 * may be overwritten once the next but one is asked for.
 *
 * Failures: those of {@link startSnapshot} before the first byte; `WalRemovalOnHold` (another snapshot of this timeline is
 * being sent) and `TooManySegments` after the control file, as from real safekeepers; `SegmentMissing`,
 * `SegmentDamaged`, and those of {@link finishSnapshot}.
 */
export async function* donate(
  timeline: Timeline,
  options: DonateOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  const context = await startSnapshot(timeline, options, signal);
  const controlFile = encodeControlFile(context.controlFile);
  options.meter.expect(snapshotSizeBytes(context, controlFile.length));
  using archive = new TarWriter();
  archive.beginEntry({ name: CONTROL_FILE_NAME, sizeBytes: controlFile.length, modifiedMs: 0 });
  yield* archive.write(controlFile);
  options.meter.addBytes(controlFile.length);

  // Real donors get this far, and not to the padding, before they refuse.
  requireBoundedSegments(context.segments);
  using _hold = context.controlFile.eviction.kind === 'Offloaded' ? undefined : timeline.holdWalRemoval();
  archive.endEntry();
  await options.afterList?.(context, signal);
  const buffers = alternateBuffers();
  for (const segment of context.segments === undefined ? [] : segmentsOf(context.segments)) {
    yield* donateSegment(archive, buffers, context, segment, options, signal);
    options.meter.addSegment();
  }
  finishSnapshot(context);
  yield* archive.finish();
}

async function* donateSegment(
  archive: TarWriter,
  buffers: Iterator<Buffer, never>,
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
  archive.beginEntry({ name, sizeBytes, modifiedMs });
  for (let position = 0; position < sizeBytes; position += READ_BYTES) {
    signal.throwIfAborted();
    context.timeline.cancelled.throwIfAborted();
    const buffer = buffers.next().value.subarray(0, sizeBytes - position);
    if ((await file.readAt(buffer, position)) < buffer.length) throw segmentDamaged(name, 'became shorter meanwhile');
    yield* archive.write(buffer);
    options.meter.addBytes(buffer.length);
  }
  archive.endEntry();
}

/** A fresh buffer for each read was two fifths of the donor's CPU time: the system clears its pages, V8 collects it. */
function* alternateBuffers(): Generator<Buffer, never> {
  const [one, other] = [Buffer.allocUnsafeSlow(READ_BYTES), Buffer.allocUnsafeSlow(READ_BYTES)];
  for (;;) {
    yield one;
    yield other;
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
  const count = segments === undefined ? 0 : Number(segmentCount(segments));
  return controlFileBytes + count * controlFile.server.walSegmentSize;
}

function segmentDamaged(name: string, problem: string): Failure {
  return new Failure('SegmentDamaged', `WAL segment file ${name} ${problem}`, { retry: 'after-change' });
}
