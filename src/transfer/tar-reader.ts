import { limits } from '../base/limits.ts';
import { invalidSnapshot } from './transfer-failure.ts';

const BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const TYPE_AT = 156;
const MAGIC_AT = 257;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;
const SIZE_AT = 124;
const SIZE_BYTES = 12;

/** Header of an entry; its content must be read whole before the next header. */
export interface TarMember {
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Reads the plain form of tar that safekeepers send: regular files under names of at most 100 bytes. Everything else
 * (links, directories, extended headers, prefixes) is refused, as is any damage, with a Failure `InvalidSnapshot`. Content
 * comes in the pieces in which it arrived, without a copy, each only good until the next; that is only asked for when it is
 * wanted.
 */
export class TarReader {
  private readonly source: AsyncIterator<Uint8Array>;
  private chunk: Uint8Array = new Uint8Array(0);
  /** Of the current entry. */
  private contentLeft = 0;
  private paddingLeft = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.source = source[Symbol.asyncIterator]();
  }

  /**
   * The next entry; undefined once the source has ended, with or without an end-of-archive marker. An end between two
   * entries looks the same as an end of the archive: only content can prove that the archive is whole.
   */
  async next(): Promise<TarMember | undefined> {
    if (this.contentLeft > 0) throw invalidSnapshot('an entry was not read to its end');
    await this.skipPadding();
    const header = await this.readBlock();
    if (header === undefined) return undefined;
    if (isZero(header)) {
      await this.skipToEnd();
      return undefined;
    }
    const member = parseHeader(header);
    this.contentLeft = member.sizeBytes;
    this.paddingLeft = (BLOCK_BYTES - (member.sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
    return member;
  }

  /** The next piece of the current entry's content, undefined at its end. */
  async readContent(): Promise<Uint8Array | undefined> {
    if (this.contentLeft === 0) return undefined;
    const piece = await this.take(this.contentLeft);
    if (piece === undefined) throw invalidSnapshot('the archive ends inside an entry');
    this.contentLeft -= piece.length;
    return piece;
  }

  private async skipPadding(): Promise<void> {
    while (this.paddingLeft > 0) {
      const piece = await this.take(this.paddingLeft);
      if (piece === undefined) throw invalidSnapshot("the archive ends inside an entry's padding");
      this.paddingLeft -= piece.length;
    }
  }

  /** Behind the marker only zeros may follow, which some writers add to fill a record. */
  private async skipToEnd(): Promise<void> {
    let skipped = 0;
    for (let piece = await this.take(Infinity); piece !== undefined; piece = await this.take(Infinity)) {
      skipped += piece.length;
      if (!isZero(piece) || skipped > limits.archiveTrailerBytesMax) {
        throw invalidSnapshot('something follows the end-of-archive marker');
      }
    }
  }

  private async readBlock(): Promise<Buffer | undefined> {
    const pieces: Uint8Array[] = [];
    let missing = BLOCK_BYTES;
    while (missing > 0) {
      const piece = await this.take(missing);
      if (piece === undefined) break;
      pieces.push(Buffer.from(piece));
      missing -= piece.length;
    }
    if (missing === BLOCK_BYTES) return undefined;
    if (missing > 0) throw invalidSnapshot('the archive ends inside a header');
    return Buffer.concat(pieces);
  }

  /** Between 1 and `bytesMax` bytes, undefined at the source's end. */
  private async take(bytesMax: number): Promise<Uint8Array | undefined> {
    while (this.chunk.length === 0) {
      const step = await this.source.next();
      if (step.done === true) return undefined;
      this.chunk = step.value;
    }
    const piece = this.chunk.subarray(0, Math.min(bytesMax, this.chunk.length));
    this.chunk = this.chunk.subarray(piece.length);
    return piece;
  }
}

function parseHeader(header: Buffer): TarMember {
  const stored = parseOctal(header.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES));
  if (stored !== checksum(header)) throw invalidSnapshot('the checksum of a header is wrong');
  const end = header.subarray(0, NAME_BYTES).indexOf(0);
  const name = header.toString('latin1', 0, end === -1 ? NAME_BYTES : end);
  const shown = JSON.stringify(name);
  if (header.toString('latin1', MAGIC_AT, MAGIC_AT + 5) !== 'ustar')
    throw invalidSnapshot(`${shown} has no ustar header`);
  const type = header[TYPE_AT];
  if (type !== 0 && type !== 0x30) throw invalidSnapshot(`${shown} is not a regular file`);
  const sizeBytes = parseOctal(header.subarray(SIZE_AT, SIZE_AT + SIZE_BYTES));
  if (sizeBytes === undefined) throw invalidSnapshot(`the size of ${shown} is not an octal number`);
  return { name, sizeBytes };
}

/** Sum of all bytes, the checksum's own counted as spaces. */
function checksum(header: Buffer): number {
  let sum = CHECKSUM_BYTES * 0x20;
  for (const [at, byte] of header.entries()) {
    if (at < CHECKSUM_AT || at >= CHECKSUM_AT + CHECKSUM_BYTES) sum += byte;
  }
  return sum;
}

function parseOctal(field: Buffer): number | undefined {
  const match = /^ *([0-7]+)[ \0]*$/.exec(field.toString('latin1'));
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 8);
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
