import { crc32c as nativeCrc32c } from '@node-rs/crc32';

const REFLECTED_POLYNOMIAL = 0x82f63b78;
/** Below this size a native call costs more than it saves: the measured crossover lies between 150 and 250 bytes. */
const NATIVE_BYTES_MIN = 224;
const SLICES = 16;

/**
 * CRC-32C of parts of a buffer, fast for the many short ones of which WAL consists: sixteen bytes a step through tables,
 * the native routine for long ones. `seed` is the result for the bytes before, so that pieces can follow each other.
 */
export class Crc32c {
  /** Table `k`, at offset `256 * k`: the CRC of a byte followed by `k` zero bytes. */
  private readonly tables: Int32Array;
  private lastBytes: Uint8Array = new Uint8Array(0);
  private lastView: DataView = new DataView(this.lastBytes.buffer);

  constructor() {
    this.tables = new Int32Array(SLICES * 256);
    for (let byte = 0; byte < 256; byte++) {
      let crc = byte;
      for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? REFLECTED_POLYNOMIAL : 0);
      this.tables[byte] = crc;
    }
    for (let at = 256; at < this.tables.length; at++) {
      const shorter = this.table(at - 256);
      this.tables[at] = (shorter >>> 8) ^ this.table(shorter & 0xff);
    }
  }

  /** Of `bytes[start, end)`, as an unsigned number. */
  update(seed: number, bytes: Uint8Array, start: number, end: number): number {
    return end - start >= NATIVE_BYTES_MIN
      ? nativeCrc32c(bytes.subarray(start, end), seed)
      : this.updateByTable(seed, bytes, start, end);
  }

  /** Every index is in range by construction: the casts keep the loop free of branches. */
  private updateByTable(seed: number, bytes: Uint8Array, start: number, end: number): number {
    const { tables } = this;
    const view = this.viewOf(bytes);
    let crc = ~seed;
    let at = start;
    for (const wholeEnd = end - SLICES; at <= wholeEnd; at += SLICES) {
      const a = view.getInt32(at, true) ^ crc;
      const b = view.getInt32(at + 4, true);
      const c = view.getInt32(at + 8, true);
      const d = view.getInt32(at + 12, true);
      crc =
        (tables[0xf00 | (a & 0xff)] as number) ^
        (tables[0xe00 | ((a >>> 8) & 0xff)] as number) ^
        (tables[0xd00 | ((a >>> 16) & 0xff)] as number) ^
        (tables[0xc00 | (a >>> 24)] as number) ^
        (tables[0xb00 | (b & 0xff)] as number) ^
        (tables[0xa00 | ((b >>> 8) & 0xff)] as number) ^
        (tables[0x900 | ((b >>> 16) & 0xff)] as number) ^
        (tables[0x800 | (b >>> 24)] as number) ^
        (tables[0x700 | (c & 0xff)] as number) ^
        (tables[0x600 | ((c >>> 8) & 0xff)] as number) ^
        (tables[0x500 | ((c >>> 16) & 0xff)] as number) ^
        (tables[0x400 | (c >>> 24)] as number) ^
        (tables[0x300 | (d & 0xff)] as number) ^
        (tables[0x200 | ((d >>> 8) & 0xff)] as number) ^
        (tables[0x100 | ((d >>> 16) & 0xff)] as number) ^
        (tables[d >>> 24] as number);
    }
    for (const wordEnd = end - 4; at <= wordEnd; at += 4) {
      const a = view.getInt32(at, true) ^ crc;
      crc =
        (tables[0x300 | (a & 0xff)] as number) ^
        (tables[0x200 | ((a >>> 8) & 0xff)] as number) ^
        (tables[0x100 | ((a >>> 16) & 0xff)] as number) ^
        (tables[a >>> 24] as number);
    }
    for (; at < end; at++) crc = (tables[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
    return ~crc >>> 0;
  }

  /** Parts of one buffer follow each other thousands of times. */
  private viewOf(bytes: Uint8Array): DataView {
    if (bytes !== this.lastBytes) {
      this.lastBytes = bytes;
      this.lastView = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.lastView;
  }

  private table(index: number): number {
    return this.tables[index] as number;
  }
}
