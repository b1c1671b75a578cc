import type { BufferPool, LentBuffer } from '../base/buffer-pool.ts';
import { Semaphore } from '../base/concurrency.ts';
import type { FileSystem, OpenFile } from '../disk/file-system.ts';
import type { TransferMemory } from './transfer-memory.ts';

const SYNCS_IN_FLIGHT_MAX = 4;
const WRITES_IN_FLIGHT_MAX = 2;
/** Blocks of zeros that begin at a multiple of this become holes. Larger than the blocks of file systems. */
const HOLE_BYTES = 16 * 1024;

/** A batch that is on its way to the disk. */
interface Batch {
  readonly buffer: LentBuffer;
  readonly written: Promise<void>;
}

/**
 * The memory for writing files one after another: a buffer is filled while a few others are on their way to the disk, each
 * of which is borrowed only when that is slower than filling. Disposing it waits for that.
 */
export class WriteBuffers implements AsyncDisposable {
  private readonly zeros: Buffer;
  private readonly pool: BufferPool;
  private filling: LentBuffer | undefined;
  /** Oldest first. */
  private readonly batches: Batch[] = [];

  constructor({ writeBuffers, zeros }: Pick<TransferMemory, 'writeBuffers' | 'zeros'>) {
    this.pool = writeBuffers;
    this.zeros = zeros;
  }

  get sizeBytes(): number {
    return this.pool.sizeBytes;
  }

  /** Of at most {@link HOLE_BYTES}. */
  isZero(bytes: Uint8Array, from: number, to: number): boolean {
    // What is known to be zero need not be looked at.
    return bytes.buffer === this.zeros.buffer || this.zeros.compare(bytes, from, to, 0, to - from) === 0;
  }

  /** The buffer to fill. */
  get current(): Buffer {
    this.filling ??= this.pool.take();
    return this.filling.bytes;
  }

  /** Hands the current buffer to `write` and makes another one the current one. Throws the error of a write before. */
  async flush(write: (buffer: Buffer) => Promise<void>): Promise<void> {
    const buffer = this.filling;
    if (buffer === undefined) return;
    this.filling = undefined;
    const written = write(buffer.bytes);
    // Whoever waits for it next gets the error.
    written.catch(() => undefined);
    this.batches.push({ buffer, written });
    if (this.batches.length > WRITES_IN_FLIGHT_MAX) await this.awaitOldest();
  }

  /** Resolves when everything that was handed over is written; throws the first error. */
  async drain(): Promise<void> {
    while (this.batches.length > 0) await this.awaitOldest();
  }

  /** Resolves when nothing is on its way any more, written or not. */
  async settle(): Promise<void> {
    await Promise.allSettled(this.batches.map(({ written }) => written));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.settle();
    for (const { buffer } of this.batches) buffer[Symbol.dispose]();
    this.filling?.[Symbol.dispose]();
  }

  private async awaitOldest(): Promise<void> {
    const [oldest] = this.batches;
    await oldest?.written;
    this.batches.shift()?.buffer[Symbol.dispose]();
  }
}

/**
 * Writes one new file of a known size in batches: while some are on their way to the disk the next is collected. Blocks of zeros are
 * skipped, so that the unused rest of a segment becomes a hole. Disposing it closes the file.
 */
export class FileWriter implements AsyncDisposable {
  private readonly file: OpenFile;
  private readonly buffers: WriteBuffers;
  /** Where in the file the next byte belongs. */
  private position = 0;
  /** What of the bytes before it is still in the current buffer. */
  private batchBytes = 0;

  private constructor(file: OpenFile, buffers: WriteBuffers) {
    this.file = file;
    this.buffers = buffers;
  }

  /** `EEXIST` when the file is there already. Only one writer at a time may use the buffers. */
  static async create(files: FileSystem, path: string, sizeBytes: number, buffers: WriteBuffers): Promise<FileWriter> {
    const file = await files.open(path, 'Create');
    try {
      // Writes that do not make the file longer need not wait for each other, and it may end in a hole.
      await file.truncate(sizeBytes);
    } catch (error) {
      await file[Symbol.asyncDispose]();
      throw error;
    }
    return new FileWriter(file, buffers);
  }

  /** Copies what is not zero. */
  async write(piece: Uint8Array): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      const dataStart = this.endOfRun(piece, at, true);
      if (dataStart > at && this.batchBytes > 0) await this.flush();
      this.position += dataStart - at;
      at = this.endOfRun(piece, dataStart, false);
      if (at > dataStart) await this.append(piece.subarray(dataStart, at));
    }
  }

  /** Writes the rest; what was written is not durable yet. */
  async finish(): Promise<OpenFile> {
    await this.flush();
    await this.buffers.drain();
    return this.file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.buffers.settle();
    await this.file[Symbol.asyncDispose]();
  }

  /** The end of the blocks of the file that begin at `piece[at]` and are all zero, or all not, as far as the piece goes. */
  private endOfRun(piece: Uint8Array, at: number, isZero: boolean): number {
    let end = at;
    while (end < piece.length) {
      const next = Math.min(piece.length, end + HOLE_BYTES - ((this.position + end - at) % HOLE_BYTES));
      if (this.buffers.isZero(piece, end, next) !== isZero) break;
      end = next;
    }
    return end;
  }

  private async append(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const count = Math.min(bytes.length - at, this.buffers.sizeBytes - this.batchBytes);
      this.buffers.current.set(bytes.subarray(at, at + count), this.batchBytes);
      this.batchBytes += count;
      this.position += count;
      at += count;
      if (this.batchBytes === this.buffers.sizeBytes) await this.flush();
    }
  }

  private async flush(): Promise<void> {
    const { batchBytes, position } = this;
    if (batchBytes === 0) return;
    this.batchBytes = 0;
    await this.buffers.flush((buffer) => this.file.writev([buffer.subarray(0, batchBytes)], position - batchBytes));
  }
}

/**
 * Makes written files durable and closes them while the next ones are being written; a few at once. Disposing it waits
 * for all; only {@link SyncQueue.drain} tells whether they succeeded.
 */
export class SyncQueue implements AsyncDisposable {
  private readonly permits = new Semaphore(SYNCS_IN_FLIGHT_MAX);
  private readonly running = new Set<Promise<void>>();
  private failure: { readonly error: unknown } | undefined;

  /** Takes the file over unless it throws; waits while too many are being synced. Throws when one before failed. */
  async add(file: OpenFile, signal: AbortSignal): Promise<void> {
    const permit = await this.permits.acquire(signal);
    if (this.failure !== undefined) {
      permit[Symbol.dispose]();
      throw this.failure.error;
    }
    const syncing = this.sync(file, permit).finally(() => this.running.delete(syncing));
    this.running.add(syncing);
  }

  /** Resolves when everything added is durable; throws the first error. */
  async drain(): Promise<void> {
    await Promise.all(this.running);
    if (this.failure !== undefined) throw this.failure.error;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running);
  }

  private async sync(file: OpenFile, permit: Disposable): Promise<void> {
    using _permit = permit;
    try {
      await using owned = file;
      await owned.datasync();
    } catch (error) {
      this.failure ??= { error };
    }
  }
}
