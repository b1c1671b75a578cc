import type { SafekeeperId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import { findWalEnd } from '../safekeeper/wal-end.ts';
import { readArchivedControlFile } from './archive-members.ts';
import { ArchivedWal } from './archived-wal.ts';
import { TarReader } from './tar-reader.ts';
import type { TransferMeter } from './transfer-progress.ts';
import { takeOver } from './uploaded-segment.ts';
import { checkContent, checkIdentity, type SnapshotClaims, type SnapshotContent } from './validate.ts';
import { type BodyWatch, type SnapshotBody, WatchedBody } from './watched-body.ts';

/** Where an archive goes. */
export interface ArchiveSink {
  /** The bytes are only good until it resolves. */
  write(bytes: Uint8Array): Promise<void>;
}

export interface PassOptions extends BodyWatch {
  readonly meter: TransferMeter;
  /** Whom the snapshot is for, and where that one keeps what is not on its disk, if that is known. */
  readonly recipient: SafekeeperId;
  readonly remoteStorage: RemoteStorage | undefined;
}

/** What has passed. */
export interface PassedArchive extends SnapshotContent {
  /** Where its WAL ends. */
  readonly flushLsn: Lsn;
}

/**
 * Hands a snapshot on as it comes, byte for byte, and returns only when all of it was the timeline that is claimed, whole:
 * by the rules of {@link receive} and {@link validate}, without a disk. Each piece is written before it is looked at, so
 * the sink must not let a part of it look like a snapshot. Failures: `InvalidSnapshot`, those of the body as
 * {@link WatchedBody} tells them, of the sink and of remote storage. The body is always destroyed.
 */
export async function passArchive(
  body: SnapshotBody,
  sink: ArchiveSink,
  claims: SnapshotClaims,
  options: PassOptions,
  signal: AbortSignal,
): Promise<PassedArchive> {
  using chunks = new WatchedBody(body, options, signal);
  const archive = new TarReader(new Tee(chunks, sink));
  const { controlFile, controlFileBytes } = await readArchivedControlFile(archive);
  options.meter.addBytes(controlFileBytes.length);
  checkIdentity(controlFile, claims);
  const wal = new ArchivedWal(archive, controlFile, options.meter);
  const flushLsn =
    controlFile.eviction.kind === 'Offloaded'
      ? controlFile.eviction.flushLsn
      : await findWalEnd({ source: wal, startLsn: controlFile.commitLsn, ...controlFile.server, signal });
  const content = { controlFile, segments: await wal.finish() };
  checkContent(content, flushLsn, claims);
  await takeOver(controlFile, options.recipient, options.remoteStorage, signal);
  return { ...content, flushLsn };
}

/** The same chunks, each written to the sink before it is given out. */
class Tee implements AsyncIterableIterator<Uint8Array> {
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly sink: ArchiveSink;

  constructor(chunks: AsyncIterator<Uint8Array>, sink: ArchiveSink) {
    this.chunks = chunks;
    this.sink = sink;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    const step = await this.chunks.next();
    if (step.done === true) return { done: true, value: undefined };
    await this.sink.write(step.value);
    return step;
  }
}
