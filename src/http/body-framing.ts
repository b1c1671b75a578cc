import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';

/** Where the content of a body lies in the bytes that were given: `bytes[from, to)`, at least one byte. */
export interface ContentRange {
  readonly from: number;
  readonly to: number;
}

/** Takes a body apart while it arrives, in whatever pieces. Throws a Failure `InvalidResponse` for what breaks its rules. */
export interface BodyFraming {
  /** The next content in `bytes[from, length)`; the caller goes on at its end. Undefined: all of them are used up. */
  next(bytes: Uint8Array, from: number): ContentRange | undefined;
  /** Nothing that follows belongs to the body. */
  readonly isComplete: boolean;
  /** The end of the connection is the end of the body, not a cut. */
  readonly endsWithConnection: boolean;
}

/** A body of `sizeBytes` bytes. */
export class LengthFraming implements BodyFraming {
  readonly endsWithConnection = false;
  private left: number;

  constructor(sizeBytes: number) {
    this.left = sizeBytes;
  }

  get isComplete(): boolean {
    return this.left === 0;
  }

  next(bytes: Uint8Array, from: number): ContentRange | undefined {
    const to = Math.min(bytes.length, from + this.left);
    this.left -= to - from;
    return to === from ? undefined : { from, to };
  }
}

/** A body that ends when the server closes the connection: that it is whole cannot be known. */
export class UnframedBody implements BodyFraming {
  readonly isComplete = false;
  readonly endsWithConnection = true;

  next(bytes: Uint8Array, from: number): ContentRange | undefined {
    return from === bytes.length ? undefined : { from, to: bytes.length };
  }
}

const CR = 0x0d;
const LF = 0x0a;
/** A size up to 2^52 - 1, so that it is exact as a number, and extensions, which mean nothing to us. */
const CHUNK_HEADER =
  /^([0-9a-fA-F]{1,13})(?:;[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:=(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+|"[\t\x20\x21\x23-\x5b\x5d-\x7e]*"))?)*$/;
/** Not one that would frame the body. */
const TRAILER = /^(?!content-length:|transfer-encoding:)[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/i;

/**
 * The chunked coding of RFC 9112, section 7.1, read strictly: lines end with CR LF and nothing else, and a chunk is
 * exactly as long as it says. Extensions and trailers are skipped; a chunk's line is bounded, and so are all trailers.
 */
export class ChunkedFraming implements BodyFraming {
  readonly endsWithConnection = false;
  private state: 'Header' | 'Content' | 'ContentEnd' | 'Trailer' | 'Complete' = 'Header';
  private contentLeft = 0;
  /** The line that has not ended yet. */
  private line = '';
  private trailerBytes = 0;

  get isComplete(): boolean {
    return this.state === 'Complete';
  }

  next(bytes: Uint8Array, from: number): ContentRange | undefined {
    let at = from;
    while (at < bytes.length && this.state !== 'Complete') {
      if (this.state === 'Content') {
        const to = Math.min(bytes.length, at + this.contentLeft);
        this.contentLeft -= to - at;
        if (this.contentLeft === 0) this.state = 'ContentEnd';
        return { from: at, to };
      }
      this.takeByte(bytes[at++] as number);
    }
    return undefined;
  }

  private takeByte(byte: number): void {
    if (byte !== LF) {
      this.line += String.fromCharCode(byte);
      if (this.line.length > limits.chunkHeaderBytesMax) throw invalid('a line between two chunks is too long');
      return;
    }
    if (this.line.charCodeAt(this.line.length - 1) !== CR) throw invalid('a line between two chunks ends without CR');
    const line = this.line.slice(0, -1);
    this.line = '';
    this.takeLine(line);
  }

  private takeLine(line: string): void {
    if (this.state === 'Header') {
      const digits = CHUNK_HEADER.exec(line)?.[1];
      if (digits === undefined) throw invalid(`a chunk begins with ${JSON.stringify(line.slice(0, 40))}`);
      this.contentLeft = Number.parseInt(digits, 16);
      this.state = this.contentLeft === 0 ? 'Trailer' : 'Content';
    } else if (this.state === 'ContentEnd') {
      if (line !== '') throw invalid('a chunk is longer than it says');
      this.state = 'Header';
    } else if (line === '') {
      this.state = 'Complete';
    } else {
      this.trailerBytes += line.length;
      if (!TRAILER.test(line) || this.trailerBytes > limits.responseHeadBytesMax)
        throw invalid('a trailer is no header');
    }
  }
}

function invalid(problem: string): Failure {
  return new Failure('InvalidResponse', `the body of the answer is broken: ${problem}`);
}
