import { constants } from 'node:fs';
import { errorCode } from '../base/failure.ts';
import * as descriptor from './descriptor.ts';

/** What block devices and file systems ask of the memory, the position and the size of a direct write, at most. */
const ALIGNMENT_BYTES = 4096;
/** Smaller writes are worth more when the system collects them. */
const DIRECT_BYTES_MIN = 256 * 1024;

const alignedMemory = new WeakSet<ArrayBufferLike>();

/** A buffer of zeros that can be written without a copy. It takes no memory before it is used. */
export function allocateAligned(sizeBytes: number): Buffer {
  // An ArrayBuffer that may be resized begins at a page; of others that is not known.
  const memory = new ArrayBuffer(sizeBytes, { maxByteLength: sizeBytes });
  alignedMemory.add(memory);
  return Buffer.from(memory, 0, sizeBytes);
}

/**
 * Writes big aligned pieces of a file past the page cache, for files that nobody is going to read soon: no copy, and what
 * others have in the cache stays there. Where the system does not offer that the caller writes as usual.
 */
export class DirectWrites implements AsyncDisposable {
  private readonly fd: number;
  /** Opened for the first piece; undefined: not offered here. */
  private direct: Promise<number | undefined> | undefined;

  /** Of a file that stays open at least as long. */
  constructor(fd: number) {
    this.fd = fd;
  }

  /** How many of the bytes were written; the rest is the caller's. */
  async write(bytes: Uint8Array, position: number): Promise<number> {
    if (!isAligned(bytes, position)) return 0;
    const direct = await (this.direct ??= this.open());
    if (direct === undefined) return 0;
    try {
      return await descriptor.writev(direct, [bytes], position);
    } catch (error) {
      if (errorCode(error) !== 'EINVAL') throw error;
      return 0;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const direct = await this.direct;
    if (direct !== undefined) descriptor.close(direct);
  }

  private async open(): Promise<number | undefined> {
    try {
      return await descriptor.open(`/proc/self/fd/${this.fd}`, constants.O_WRONLY | constants.O_DIRECT);
    } catch {
      return undefined;
    }
  }
}

function isAligned(bytes: Uint8Array, position: number): boolean {
  return (
    bytes.length >= DIRECT_BYTES_MIN &&
    [bytes.byteOffset, bytes.length, position].every((value) => value % ALIGNMENT_BYTES === 0) &&
    alignedMemory.has(bytes.buffer)
  );
}
