import { join } from 'node:path';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { INVALID_LSN, minLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile } from '../safekeeper/control-file-codec.ts';
import {
  isWalSegmentSize,
  parseSegmentFileName,
  segmentFileName,
  segmentNumber,
  type SegmentNumber,
  type SegmentRange,
} from '../safekeeper/wal-segment.ts';
import { FileWriter, type SyncQueue, WriteBuffers } from './file-writer.ts';
import { type TarMember, TarReader } from './tar-reader.ts';
import type { TransferMemory } from './transfer-memory.ts';
import type { TransferMeter } from './transfer-progress.ts';

/**
 * A snapshot body that is still arriving. Its iteration must throw when the connection breaks; a chunk of it need only be
 * good until the next one is asked for.
 */
export type SnapshotBody = AsyncIterable<Uint8Array> & { destroy(error?: Error): void };

export interface ReceiveOptions {
  readonly files: FileSystem;
  readonly memory: TransferMemory;
  /** Makes the segments durable; still may be at it when they are all written. */
  readonly syncs: SyncQueue;
  readonly meter: TransferMeter;
  /** Longest wait for the donor's next byte. */
  readonly stallTimeoutMs: number;
}

/** What arrived: segments are files in the directory, the control file is only here. */
export interface ReceivedSnapshot {
  readonly controlFile: ControlFile;
  /** As it was sent. */
  readonly controlFileBytes: Uint8Array;
  readonly segments: SegmentRange | undefined;
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
  using chunks = new WatchedBody(body, options.stallTimeoutMs, signal);
  const archive = new TarReader(chunks);
  const { controlFile, controlFileBytes } = await receiveControlFile(archive);
  options.meter.addBytes(controlFileBytes.length);
  const segments = await receiveSegments(archive, controlFile, directory, options, signal);
  return { controlFile, controlFileBytes, segments };
}

async function receiveControlFile(
  archive: TarReader,
): Promise<{ controlFile: ControlFile; controlFileBytes: Uint8Array }> {
  const member = await archive.next();
  if (member === undefined) throw invalid('the archive is empty');
  if (member.name !== CONTROL_FILE_NAME) {
    throw invalid(`the first entry is ${quote(member.name)} instead of ${CONTROL_FILE_NAME}`);
  }
  if (member.sizeBytes > limits.controlFileBytesMax) {
    throw invalid(
      `${CONTROL_FILE_NAME} has ${member.sizeBytes} bytes, at most ${limits.controlFileBytesMax} are accepted`,
    );
  }
  const pieces: Uint8Array[] = [];
  for (let piece = await archive.readContent(); piece !== undefined; piece = await archive.readContent()) {
    pieces.push(Buffer.from(piece));
  }
  const controlFileBytes = Buffer.concat(pieces);
  try {
    return { controlFile: decodeControlFile(controlFileBytes), controlFileBytes };
  } catch (cause) {
    throw invalid(describeError(cause), cause);
  }
}

async function receiveSegments(
  archive: TarReader,
  controlFile: ControlFile,
  directory: string,
  options: ReceiveOptions,
  signal: AbortSignal,
): Promise<SegmentRange | undefined> {
  const { walSegmentSize } = controlFile.server;
  const first = firstSegment(controlFile);
  await using buffers = new WriteBuffers(options.memory);
  let count = 0;
  for (let member = await archive.next(); member !== undefined; member = await archive.next()) {
    const next = first === undefined ? undefined : ((first + BigInt(count)) as SegmentNumber);
    checkSegment(member, next, walSegmentSize);
    if (++count > limits.snapshotSegmentCountMax) {
      throw invalid(`it holds more than ${limits.snapshotSegmentCountMax} segments`);
    }
    await receiveSegment(archive, join(directory, member.name), walSegmentSize, buffers, options, signal);
    options.meter.addSegment();
  }
  return first === undefined || count === 0
    ? undefined
    : { first, last: (first + BigInt(count) - 1n) as SegmentNumber };
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

/** Undefined when the archive may hold no segment at all: nothing was written yet, or the WAL was moved away. */
function firstSegment(controlFile: ControlFile): SegmentNumber | undefined {
  const horizon = minLsn(controlFile.remoteConsistentLsn, controlFile.backupLsn);
  if (horizon === INVALID_LSN || controlFile.eviction.kind === 'Offloaded') return undefined;
  const { walSegmentSize } = controlFile.server;
  if (!isWalSegmentSize(walSegmentSize)) throw invalid(`${walSegmentSize} is not a segment size`);
  return segmentNumber(horizon, walSegmentSize);
}

function checkSegment(member: TarMember, expected: SegmentNumber | undefined, walSegmentSize: number): void {
  const shown = quote(member.name);
  if (expected === undefined) throw invalid(`it holds ${shown} though its control file asks for no segments`);
  const parsed = parseSegmentFileName(member.name, walSegmentSize);
  if (parsed === undefined) throw invalid(`it holds ${shown}, which is not a name of a WAL segment`);
  if (parsed.segment !== expected) {
    throw invalid(`it holds ${shown} where ${segmentFileName(expected, walSegmentSize)} was expected`);
  }
  if (member.sizeBytes !== walSegmentSize) {
    throw invalid(`${shown} has ${member.sizeBytes} bytes instead of ${walSegmentSize}`);
  }
}

/**
 * The body's chunks; ends only when the body ended cleanly. Time that is spent between two chunks on our side, with a
 * slow disk for example, does not count as the donor's silence.
 */
class WatchedBody implements AsyncIterableIterator<Uint8Array>, Disposable {
  private readonly body: SnapshotBody;
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly stallTimeoutMs: number;
  private readonly signal: AbortSignal;
  // One timer and one listener for all chunks: there are tens of thousands of them.
  private readonly timer: NodeJS.Timeout;
  private isWaiting = false;
  private hasStalled = false;

  constructor(body: SnapshotBody, stallTimeoutMs: number, signal: AbortSignal) {
    this.body = body;
    this.chunks = body[Symbol.asyncIterator]();
    this.stallTimeoutMs = stallTimeoutMs;
    this.signal = signal;
    this.timer = setTimeout(this.onTimeout, stallTimeoutMs);
    signal.addEventListener('abort', this.stop, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    this.signal.throwIfAborted();
    this.timer.refresh();
    this.isWaiting = true;
    try {
      return await this.chunks.next();
    } catch (cause) {
      throw this.explain(cause);
    } finally {
      this.isWaiting = false;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.stop);
    this.body.destroy();
  }

  private readonly stop = (): void => this.body.destroy(new Error('the snapshot is not read any further'));

  private readonly onTimeout = (): void => {
    if (!this.isWaiting) return;
    this.hasStalled = true;
    this.stop();
  };

  private explain(cause: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    if (this.hasStalled) {
      return new Failure('DonorStalled', `the donor sent nothing for ${this.stallTimeoutMs} ms`, { cause });
    }
    return new Failure('SnapshotBroken', `error decoding response body: ${describeError(cause)}`, { cause });
  }
}

function quote(name: string): string {
  return JSON.stringify(name);
}

function invalid(problem: string, cause?: unknown): Failure {
  return new Failure('InvalidSnapshot', `the snapshot is refused: ${problem}`, { cause });
}
