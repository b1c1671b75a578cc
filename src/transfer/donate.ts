import { join } from 'node:path';
import type { BufferPool, LentBuffer } from '../base/buffer-pool.ts';
import { errorCode, Failure } from '../base/failure.ts';
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
import type { TransferMemory } from './transfer-memory.ts';
import type { TransferMeter } from './transfer-progress.ts';

export interface DonateOptions extends SnapshotParties {
  readonly files: FileSystem;
  readonly memory: TransferMemory;
  /** Told about every segment and byte that goes out. */
  readonly meter: TransferMeter;
  /** Awaited between the list of segments and the first of them; for tests that need a snapshot to be under way. */
  readonly afterList?: (context: SnapshotContext, signal: AbortSignal) => Promise<void>;
}

/**
 * The snapshot archive of a timeline, piece by piece: control file, every segment in order, end-of-archive marker; of an
 * offloaded timeline no segments, and as many of it at once as are asked for. The iteration throws, before the marker,
 * whenever the archive is not whole and of one history: the server must then break the body. Leaving the iteration early
 * releases everything; so do the signal and the timeline's deletion. A piece may be overwritten once the next but one is
 * asked for.
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
  const buffers = new ReadBuffers(options.memory.readBuffers);
  for (const segment of context.segments === undefined ? [] : segmentsOf(context.segments)) {
    yield* donateSegment(archive, buffers, context, segment, options, signal);
    options.meter.addSegment();
  }
  finishSnapshot(context);
  yield* archive.finish();
  // The last segment was two pieces ago. On every other way out its last bytes may still be on their way to the client, and
  // must not become those of another tenant.
  buffers.giveBack();
}

async function* donateSegment(
  archive: TarWriter,
  buffers: ReadBuffers,
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
  for (let position = 0; position < sizeBytes; ) {
    const { kind, end } = await file.extentAt(position);
    const extentEnd = Math.min(end, sizeBytes);
    for (; position < extentEnd; ) {
      signal.throwIfAborted();
      context.timeline.cancelled.throwIfAborted();
      // Holes are not read: the system would first make pages of zeros of them, in memory that others need.
      const buffer = kind === 'Hole' ? options.memory.zeros : buffers.next();
      const piece = buffer.subarray(0, extentEnd - position);
      if (kind === 'Data' && (await file.readAt(piece, position)) < piece.length) {
        throw segmentDamaged(name, 'became shorter meanwhile');
      }
      yield* archive.write(piece);
      options.meter.addBytes(piece.length);
      position += piece.length;
    }
  }
  archive.endEntry();
}

/**
 * Two buffers that are read into in turn, borrowed when they are needed. A fresh buffer for each read was two fifths of the
 * donor's CPU time: the system clears its pages, V8 collects it.
 */
class ReadBuffers {
  private readonly pool: BufferPool;
  private readonly buffers: LentBuffer[] = [];
  private reads = 0;

  constructor(pool: BufferPool) {
    this.pool = pool;
  }

  next(): Buffer {
    return (this.buffers[this.reads++ % 2] ??= this.pool.take()).bytes;
  }

  giveBack(): void {
    for (const buffer of this.buffers) buffer[Symbol.dispose]();
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
    try {
      return { name, file: await files.open(join(directory, name), 'Read') };
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
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
