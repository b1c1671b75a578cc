const BLOCK_BYTES = 512;
/** Regular file, owner may write. */
const MODE = 0o100644;

/** Two zero blocks: real donors leave them out, every reader accepts them. */
export const END_OF_ARCHIVE: Uint8Array = new Uint8Array(2 * BLOCK_BYTES);

export interface TarEntry {
  /** Flat, at most 100 ASCII characters. */
  readonly name: string;
  /** Below 8 GiB. */
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/** Header block of a regular file with GNU magic, field by field as real safekeepers write it (numbers in octal). */
export function tarHeader(entry: TarEntry): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(entry.name, 0, 100, 'ascii');
  block.write(octal(MODE, 7), 100, 'ascii');
  block.write(octal(0, 7), 108, 'ascii');
  block.write(octal(0, 7), 116, 'ascii');
  block.write(octal(entry.sizeBytes, 11), 124, 'ascii');
  block.write(octal(Math.floor(entry.modifiedMs / 1000), 11), 136, 'ascii');
  block.write('0', 156, 'ascii');
  block.write('ustar  \0', 257, 'ascii');
  block.write(octal(0, 7), 329, 'ascii');
  block.write(octal(0, 7), 337, 'ascii');
  // The checksum counts itself as eight spaces.
  const sum = block.reduce((total, byte) => total + byte, 8 * 0x20);
  block.write(octal(sum, 7), 148, 'ascii');
  return block;
}

/** The zeros between an entry's content and the next block; maybe empty. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES);
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}
