import { Semaphore } from '../base/concurrency.ts';
import type { FileSystem, OpenFile } from '../disk/file-system.ts';

const BATCH_BYTES = 1024 * 1024;
const BATCH_PIECES_MAX = 512;
const SYNCS_IN_FLIGHT_MAX = 4;
const ZEROS = Buffer.alloc(64 * 1024);

/**
 * Writes one new file in batches: while one batch is on its way to the disk the next is collected. Pieces of zeros are
 * skipped, so that the unused rest of a segment becomes a hole. Disposing it closes the file.
 */
export class FileWriter implements AsyncDisposable {
  private readonly file: OpenFile;
  private batch: Uint8Array[] = [];
  private batchBytes = 0;
  private batchPosition = 0;
  private running: Promise<void> = Promise.resolve();

  private constructor(file: OpenFile) {
    this.file = file;
  }

  /** `EEXIST` when the file is there already. */
  static async create(files: FileSystem, path: string): Promise<FileWriter> {
    return new FileWriter(await files.open(path, 'Create'));
  }

  /** Keeps the piece until it is written; the caller must not reuse it. */
  async write(piece: Uint8Array): Promise<void> {
    if (isHole(piece)) {
      await this.flush();
      this.batchPosition += piece.length;
      return;
    }
    this.batch.push(piece);
    this.batchBytes += piece.length;
    if (this.batchBytes >= BATCH_BYTES || this.batch.length >= BATCH_PIECES_MAX) await this.flush();
  }

  /** Writes the rest and gives the file its full size; what was written is not durable yet. */
  async finish(): Promise<OpenFile> {
    await this.flush();
    await this.running;
    await this.file.truncate(this.batchPosition);
    return this.file;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.running.catch(() => undefined);
    await this.file[Symbol.asyncDispose]();
  }

  private async flush(): Promise<void> {
    if (this.batchBytes === 0) return;
    await this.running;
    const { batch, batchPosition } = this;
    this.batchPosition += this.batchBytes;
    this.batch = [];
    this.batchBytes = 0;
    this.running = this.file.writev(batch, batchPosition);
    // Whoever waits for it next gets the error.
    this.running.catch(() => undefined);
  }
}

/**
 * Makes finished files durable and closes them while the next ones are being written; a few at once. Disposing it waits
 * for all; only {@link SyncQueue.drain} tells whether they succeeded.
 */
export class SyncQueue implements AsyncDisposable {
  private readonly permits = new Semaphore(SYNCS_IN_FLIGHT_MAX);
  private readonly running = new Set<Promise<void>>();
  private failure: { readonly error: unknown } | undefined;

  /** Takes the writer over unless it throws; waits while too many are being synced. Throws when one before failed. */
  async add(writer: FileWriter, signal: AbortSignal): Promise<void> {
    const permit = await this.permits.acquire(signal);
    if (this.failure !== undefined) {
      permit[Symbol.dispose]();
      throw this.failure.error;
    }
    const syncing = this.sync(writer, permit).finally(() => this.running.delete(syncing));
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

  private async sync(writer: FileWriter, permit: Disposable): Promise<void> {
    using _permit = permit;
    try {
      await using owned = writer;
      const file = await owned.finish();
      await file.datasync();
    } catch (error) {
      this.failure ??= { error };
    }
  }
}

function isHole(piece: Uint8Array): boolean {
  for (let at = 0; at < piece.length; at += ZEROS.length) {
    const part = piece.subarray(at, at + ZEROS.length);
    if (ZEROS.compare(part, 0, part.length, 0, part.length) !== 0) return false;
  }
  return true;
}
