import { join } from 'node:path';
import type { FileSystem } from '../disk/file-system.ts';
import type { SegmentRange } from '../safekeeper/wal-segment.ts';
import { type ArchivedControlFile, readArchivedControlFile, SegmentMembers } from './archive-members.ts';
import { FileWriter, type SyncQueue, WriteBuffers } from './file-writer.ts';
import { TarReader } from './tar-reader.ts';
import type { TransferMemory } from './transfer-memory.ts';
import type { TransferMeter } from './transfer-progress.ts';
import { type BodyWatch, type SnapshotBody, WatchedBody } from './watched-body.ts';

export interface ReceiveOptions extends BodyWatch {
  readonly files: FileSystem;
  readonly memory: TransferMemory;
  /** Makes the segments durable; still may be at it when they are all written. */
  readonly syncs: SyncQueue;
  readonly meter: TransferMeter;
}

/** What arrived: segments are files in the directory, the control file is only here. */
export interface ReceivedSnapshot extends ArchivedControlFile {
  readonly segments: SegmentRange | undefined;
}

/** An archive whose control file has been read; the segments come next. Disposing it destroys the body. */
export interface OpenedArchive extends ArchivedControlFile, Disposable {
  readonly archive: TarReader;
}

/**
 * Writes a snapshot's segments into an empty directory, whose names are not durable yet. The archive must hold the control file first, then consecutive
 * segments from the first that the control file asks for, each of full size, and nothing else; the body must end cleanly.
 * Whether the segments reach far enough is not known here. Failures: `InvalidSnapshot` for wrong content, `SnapshotBroken`
 * for a broken body, `DonorStalled`, the signal's reason, or the file system's errors. The body is always destroyed.
 */
export async function receive(
  body: SnapshotBody,
  directory: string,
  options: ReceiveOptions,
  signal: AbortSignal,
): Promise<ReceivedSnapshot> {
  using opened = await openArchive(body, options, signal);
  return await receiveSegments(opened, directory, options, signal);
}

/** The first half of {@link receive}, for those who must know whose archive it is. */
export async function openArchive(body: SnapshotBody, watch: BodyWatch, signal: AbortSignal): Promise<OpenedArchive> {
  const chunks = new WatchedBody(body, watch, signal);
  try {
    const archive = new TarReader(chunks);
    const controlFile = await readArchivedControlFile(archive);
    return { ...controlFile, archive, [Symbol.dispose]: () => chunks[Symbol.dispose]() };
  } catch (error) {
    chunks[Symbol.dispose]();
    throw error;
  }
}

/** The second half of {@link receive}. */
export async function receiveSegments(
  { archive, controlFile, controlFileBytes }: OpenedArchive,
  directory: string,
  options: ReceiveOptions,
  signal: AbortSignal,
): Promise<ReceivedSnapshot> {
  options.meter.addBytes(controlFileBytes.length);
  const members = new SegmentMembers(archive, controlFile);
  await using buffers = new WriteBuffers(options.memory);
  for (let member = await members.next(); member !== undefined; member = await members.next()) {
    await receiveSegment(archive, join(directory, member.name), member.sizeBytes, buffers, options, signal);
    options.meter.addSegment();
  }
  return { controlFile, controlFileBytes, segments: members.range };
}

async function receiveSegment(
  archive: TarReader,
  path: string,
  sizeBytes: number,
  buffers: WriteBuffers,
  options: ReceiveOptions,
  signal: AbortSignal,
): Promise<void> {
  const writer = await FileWriter.create(options.files, path, sizeBytes, buffers);
  try {
    for (let piece = await archive.readContent(); piece !== undefined; piece = await archive.readContent()) {
      await writer.write(piece);
      options.meter.addBytes(piece.length);
    }
    await options.syncs.add(await writer.finish(), signal);
  } catch (error) {
    await writer[Symbol.asyncDispose]();
    throw error;
  }
}
