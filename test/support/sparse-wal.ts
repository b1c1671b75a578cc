import type { Lsn } from '../../src/domain/lsn.ts';
import type { WalFile, WalSource } from '../../src/safekeeper/wal-end.ts';
import { parseSegmentFileName, type SegmentNumber, segmentNumber } from '../../src/safekeeper/wal-segment.ts';
import type { WalPiece } from './wal-generator.ts';

const BLOCK_BYTES = 1024 * 1024;

/**
 * WAL in files of any size, of which only what was written takes memory; the rest reads as zeros. Files exist from the
 * segment of the first byte to that of the last; the last is `.partial`.
 */
export class SparseWal implements WalSource {
  private readonly fileSize: number;
  private readonly blocks = new Map<bigint, Buffer>();
  private readonly segments = new Set<SegmentNumber>();

  constructor(fileSize: number, pieces: Iterable<WalPiece>) {
    this.fileSize = fileSize;
    for (const { lsn, bytes } of pieces) {
      this.segments.add(segmentNumber(lsn, fileSize));
      this.block(lsn / BigInt(BLOCK_BYTES)).set(bytes, Number(lsn % BigInt(BLOCK_BYTES)));
    }
  }

  get lastSegment(): SegmentNumber {
    return [...this.segments].reduce((last, segment) => (segment > last ? segment : last));
  }

  removeFile(segment: SegmentNumber): void {
    this.segments.delete(segment);
  }

  /** Everything from `start` on becomes `pattern`, repeated. */
  fillFrom(start: Lsn, pattern: Buffer): void {
    for (const [index, block] of this.blocks) {
      const first = start - index * BigInt(BLOCK_BYTES);
      if (first < BigInt(BLOCK_BYTES)) block.fill(pattern, first < 0n ? 0 : Number(first));
    }
  }

  flipBit(position: Lsn, bit: number): void {
    const block = this.block(position / BigInt(BLOCK_BYTES));
    const at = Number(position % BigInt(BLOCK_BYTES));
    block.writeUInt8(block.readUInt8(at) ^ (1 << bit), at);
  }

  open(fileName: string): Promise<WalFile | undefined> {
    const name = parseSegmentFileName(fileName, this.fileSize);
    const exists = name && this.segments.has(name.segment) && name.isPartial === (name.segment === this.lastSegment);
    return Promise.resolve(exists ? this.file(name.segment) : undefined);
  }

  private file(segment: SegmentNumber): WalFile {
    return {
      readAt: (buffer, position) => {
        const sizeBytes = Math.min(buffer.length, this.fileSize - position);
        for (let done = 0; done < sizeBytes; ) {
          const at = segment * BigInt(this.fileSize) + BigInt(position + done);
          const offset = Number(at % BigInt(BLOCK_BYTES));
          const taken = Math.min(sizeBytes - done, BLOCK_BYTES - offset);
          const block = this.blocks.get(at / BigInt(BLOCK_BYTES));
          if (block === undefined) buffer.fill(0, done, done + taken);
          else buffer.set(block.subarray(offset, offset + taken), done);
          done += taken;
        }
        return Promise.resolve(sizeBytes);
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }

  private block(index: bigint): Buffer {
    const existing = this.blocks.get(index);
    if (existing !== undefined) return existing;
    const created = Buffer.alloc(BLOCK_BYTES);
    this.blocks.set(index, created);
    return created;
  }
}
