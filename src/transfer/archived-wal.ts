import { assert } from '../base/assert.ts';
import type { WalFile, WalSource } from '../safekeeper/wal-end.ts';
import { LONG_PAGE_HEADER_BYTES } from '../safekeeper/wal-page.ts';
import { parseSegmentFileName, type SegmentRange } from '../safekeeper/wal-segment.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { type SegmentMember, SegmentMembers } from './archive-members.ts';
import type { TarReader } from './tar-reader.ts';
import type { TransferMeter } from './transfer-progress.ts';
import { invalidSnapshot } from './transfer-failure.ts';

/**
 * The segments of an archive that passes by, as a source of WAL. It cannot go back: a segment that was left is gone, as is what
 * was read of the present one but for its header. That is all that the search for the end of WAL asks for.
 */
export class ArchivedWal implements WalSource {
  private readonly archive: TarReader;
  private readonly members: SegmentMembers;
  private readonly walSegmentSize: number;
  private readonly meter: TransferMeter;
  private readonly header = Buffer.alloc(LONG_PAGE_HEADER_BYTES);
  private member: SegmentMember | undefined;
  private isStarted = false;
  /** How much of the member has been used, and what has come of it beyond that. */
  private position = 0;
  private rest: Uint8Array = new Uint8Array(0);

  /** The control file is what has been read of the archive. */
  constructor(archive: TarReader, controlFile: ControlFile, meter: TransferMeter) {
    this.archive = archive;
    this.members = new SegmentMembers(archive, controlFile);
    this.walSegmentSize = controlFile.server.walSegmentSize;
    this.meter = meter;
  }

  /** A name that has passed already is as good as none. Throws a Failure `InvalidSnapshot` for what may not be there. */
  async open(fileName: string): Promise<WalFile | undefined> {
    const asked = parseSegmentFileName(fileName, this.walSegmentSize);
    if (asked === undefined) return undefined;
    if (!this.isStarted) await this.advance();
    while (this.member !== undefined && this.member.segment < asked.segment) await this.advance();
    if (this.member?.name !== fileName) return undefined;
    return {
      readAt: (buffer, position) => this.readAt(buffer, position),
      [Symbol.asyncDispose]: async () => undefined,
    };
  }

  /** Reads whatever is left, and returns which segments there were. */
  async finish(): Promise<SegmentRange | undefined> {
    if (!this.isStarted) await this.advance();
    while (this.member !== undefined) await this.advance();
    return this.members.range;
  }

  private async advance(): Promise<void> {
    if (this.member !== undefined) {
      await this.skipTo(this.member.sizeBytes);
      this.meter.addSegment();
    }
    this.isStarted = true;
    this.member = await this.members.next();
    this.position = 0;
  }

  private async readAt(buffer: Uint8Array, position: number): Promise<number> {
    if (position < this.position) {
      const end = position + buffer.length;
      assert(end <= this.header.length && end <= this.position, 'of what has passed only a header is read again');
      buffer.set(this.header.subarray(position, end));
      return buffer.length;
    }
    await this.skipTo(position);
    let done = 0;
    while (done < buffer.length && this.position < this.walSegmentSize) {
      const piece = await this.take(buffer.length - done);
      buffer.set(piece, done);
      done += piece.length;
    }
    return done;
  }

  private async skipTo(position: number): Promise<void> {
    while (this.position < position) await this.take(position - this.position);
  }

  /** Between 1 and `bytesMax` bytes of the member, of which that much must be left. */
  private async take(bytesMax: number): Promise<Uint8Array> {
    if (this.rest.length === 0) {
      const piece = await this.archive.readContent();
      if (piece === undefined) throw invalidSnapshot('the archive ends inside an entry');
      this.meter.addBytes(piece.length);
      this.rest = piece;
    }
    const piece = this.rest.subarray(0, bytesMax);
    this.rest = this.rest.subarray(piece.length);
    if (this.position < this.header.length)
      this.header.set(piece.subarray(0, this.header.length - this.position), this.position);
    this.position += piece.length;
    return piece;
  }
}
