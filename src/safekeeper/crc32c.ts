import { crc32c as nativeCrc32c } from '@node-rs/crc32';

const REFLECTED_POLYNOMIAL = 0x82f63b78;
/** Below this size a native call costs more than it saves: the measured crossover lies between 200 and 400 bytes. */
const NATIVE_BYTES_MIN = 320;
const SLICES = 16;

/**
 * CRC-32C of parts of a buffer, fast for the many short ones of which WAL consists: sixteen bytes a step through tables,
 * the native routine for long ones. `seed` is the result for the bytes before, so that pieces can follow each other.
 */
export class Crc32c {
  /** Table `k`, at offset `256 * k`: the CRC of a byte followed by `k` zero bytes. */
  private readonly tables: Int32Array;

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
    const tables = this.tables;
    let crc = ~seed;
    let at = start;
    for (const wholeEnd = end - SLICES; at <= wholeEnd; at += SLICES) {
      crc =
        (tables[0xf00 | ((crc ^ (bytes[at] as number)) & 0xff)] as number) ^
        (tables[0xe00 | (((crc >>> 8) ^ (bytes[at + 1] as number)) & 0xff)] as number) ^
        (tables[0xd00 | (((crc >>> 16) ^ (bytes[at + 2] as number)) & 0xff)] as number) ^
        (tables[0xc00 | ((crc >>> 24) ^ (bytes[at + 3] as number))] as number) ^
        (tables[0xb00 | (bytes[at + 4] as number)] as number) ^
        (tables[0xa00 | (bytes[at + 5] as number)] as number) ^
        (tables[0x900 | (bytes[at + 6] as number)] as number) ^
        (tables[0x800 | (bytes[at + 7] as number)] as number) ^
        (tables[0x700 | (bytes[at + 8] as number)] as number) ^
        (tables[0x600 | (bytes[at + 9] as number)] as number) ^
        (tables[0x500 | (bytes[at + 10] as number)] as number) ^
        (tables[0x400 | (bytes[at + 11] as number)] as number) ^
        (tables[0x300 | (bytes[at + 12] as number)] as number) ^
        (tables[0x200 | (bytes[at + 13] as number)] as number) ^
        (tables[0x100 | (bytes[at + 14] as number)] as number) ^
        (tables[bytes[at + 15] as number] as number);
    }
    for (; at < end; at++) crc = (tables[(crc ^ (bytes[at] as number)) & 0xff] as number) ^ (crc >>> 8);
    return ~crc >>> 0;
  }

  private table(index: number): number {
    return this.tables[index] as number;
  }
}
