import { Failure } from '../base/failure.ts';
import type { SnapshotBody } from './watched-body.ts';

/**
 * The content coding in which our own agents send snapshots to each other: what is unused in a segment, most of an idle
 * timeline, costs eight bytes. It is asked for by `accept-encoding` and named in `content-encoding`; safekeepers know
 * neither. The body is a sequence of records, each a little-endian u32 and its content: of `n` below 2^31 the content is n
 * bytes, of 2^31 + n there is none, and n bytes of zero are meant. n is never 0.
 */
export const ZERO_RUNS = 'x-zero-runs';

const RUN = 2 ** 31;
const HEADER_BYTES = 4;
/** What is zero is looked for in blocks: bytes that are not cost nothing but the look at the first of them. */
const BLOCK_BYTES = 16 * 1024;

/**
 * Blocks of zeros become runs; parts of `zeros`, which has at least one block, are not even looked at. Whoever makes the
 * pieces may overwrite one when the next but one is asked for, as if there were no coding: so every piece gives something
 * of which the reader takes note, by then it is done with the one before. Only parts of `zeros`, which nobody overwrites,
 * may be passed over in silence.
 */
export async function* encodeZeroRuns(
  pieces: AsyncIterable<Uint8Array>,
  zeros: Buffer,
): AsyncGenerator<Uint8Array, void, undefined> {
  let run = 0;
  for await (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      const end = endOfBlocks(piece, at, zeros);
      if (isZero(piece, at, Math.min(end, at + BLOCK_BYTES), zeros) && run + end - at < RUN) {
        run += end - at;
      } else {
        yield headerOf(run, end - at);
        yield piece.subarray(at, end);
        run = 0;
      }
      at = end;
    }
    if (run > 0 && piece.buffer !== zeros.buffer) {
      yield headerOf(run, 0);
      run = 0;
    }
  }
  if (run > 0) yield headerOf(run, 0);
}

/** Of the blocks from `at` on that are all zero, or all not. */
function endOfBlocks(piece: Uint8Array, at: number, zeros: Buffer): number {
  if (piece.buffer === zeros.buffer) return piece.length;
  const blockEnd = (start: number) => Math.min(piece.length, start + BLOCK_BYTES);
  let end = blockEnd(at);
  const first = isZero(piece, at, end, zeros);
  while (end < piece.length && isZero(piece, end, blockEnd(end), zeros) === first) end = blockEnd(end);
  return end;
}

/** Of at most one block. */
function isZero(piece: Uint8Array, from: number, to: number, zeros: Buffer): boolean {
  return piece.buffer === zeros.buffer || zeros.compare(piece, from, to, 0, to - from) === 0;
}

function headerOf(run: number, literal: number): Uint8Array {
  const header = Buffer.allocUnsafe((run > 0 ? HEADER_BYTES : 0) + (literal > 0 ? HEADER_BYTES : 0));
  if (run > 0) header.writeUInt32LE(RUN + run, 0);
  if (literal > 0) header.writeUInt32LE(literal, header.length - HEADER_BYTES);
  return header;
}

/** The same, as a body. */
export function decodeZeroRuns(body: SnapshotBody, zeros: Uint8Array): SnapshotBody {
  const decoder = new ZeroRunDecoder(body, zeros);
  return { [Symbol.asyncIterator]: () => decoder, destroy: (error) => body.destroy(error) };
}

/**
 * The content of an encoded body; runs come as parts of `zeros`. A body that ends within a record, or
 * has a record of no length, is a Failure `InvalidSnapshot`. A piece is good until the next one is asked for.
 */
export class ZeroRunDecoder implements AsyncIterableIterator<Uint8Array> {
  private readonly body: AsyncIterator<Uint8Array>;
  private readonly zeros: Uint8Array;
  private chunk: Uint8Array = new Uint8Array(0);
  /** Of the record that is being read. */
  private literalLeft = 0;
  private runLeft = 0;
  private header = 0;
  private headerBytes = 0;

  constructor(body: AsyncIterable<Uint8Array>, zeros: Uint8Array) {
    this.body = body[Symbol.asyncIterator]();
    this.zeros = zeros;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    for (;;) {
      if (this.runLeft > 0) {
        const value = this.zeros.subarray(0, this.runLeft);
        this.runLeft -= value.length;
        return { done: false, value };
      }
      if (this.chunk.length === 0) {
        const step = await this.body.next();
        if (step.done === true) return this.finish();
        this.chunk = step.value;
      } else if (this.literalLeft > 0) {
        const value = this.chunk.subarray(0, this.literalLeft);
        this.chunk = this.chunk.subarray(value.length);
        this.literalLeft -= value.length;
        return { done: false, value };
      } else {
        this.takeHeader();
      }
    }
  }

  async return(): Promise<IteratorResult<Uint8Array, void>> {
    await this.body.return?.();
    return { done: true, value: undefined };
  }

  private takeHeader(): void {
    const bytes = this.chunk.subarray(0, HEADER_BYTES - this.headerBytes);
    this.chunk = this.chunk.subarray(bytes.length);
    for (const byte of bytes) this.header += byte * 2 ** (8 * this.headerBytes++);
    if (this.headerBytes < HEADER_BYTES) return;
    if (this.header >= RUN) this.runLeft = this.header - RUN;
    else this.literalLeft = this.header;
    if (this.runLeft + this.literalLeft === 0) throw broken('a record has no length');
    this.header = 0;
    this.headerBytes = 0;
  }

  private finish(): IteratorResult<Uint8Array, void> {
    if (this.literalLeft > 0 || this.headerBytes > 0) throw broken('it ends within a record');
    return { done: true, value: undefined };
  }
}

function broken(problem: string): Failure {
  return new Failure('InvalidSnapshot', `the snapshot is refused: its coding is broken, ${problem}`);
}
