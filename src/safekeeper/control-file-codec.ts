import { crc32c } from '@node-rs/crc32';
import { limits } from '../base/limits.ts';
import { INVALID_GENERATION } from '../domain/membership.ts';
import { BinaryReader, BinaryWriter, invalid } from './control-file-binary.ts';
import type { ControlFile } from './control-file.ts';
import {
  readVersion1,
  readVersion2,
  readVersion3,
  readVersion4,
  readVersion5,
  readVersion6,
  readVersion7,
  readVersion8,
} from './control-file-earlier.ts';
import { readVersion10, writeVersion10 } from './control-file-v10.ts';
import { readVersion9, writeVersion9 } from './control-file-v9.ts';

export const CONTROL_FILE_NAME = 'safekeeper.control';

/** The reader of version 1 first. */
const READERS: ReadonlyArray<(reader: BinaryReader) => ControlFile> = [
  readVersion1,
  readVersion2,
  readVersion3,
  readVersion4,
  readVersion5,
  readVersion6,
  readVersion7,
  readVersion8,
  readVersion9,
  readVersion10,
];
const MAGIC = 0xcafeceef;
const VERSION_OFFSET = 4;
const HEADER_BYTES = 8;
const CHECKSUM_BYTES = 4;

/**
 * Reads a `safekeeper.control`: magic u32, version u32, body, CRC-32C (u32) of all before it, little-endian.
 * Anything that is not whole and valid is a Failure `ControlFileInvalid`; an unknown version is named in it.
 */
export function decodeControlFile(bytes: Uint8Array): ControlFile {
  if (bytes.length < HEADER_BYTES + CHECKSUM_BYTES) throw invalid(`only ${bytes.length} bytes long`);
  if (bytes.length > limits.controlFileBytesMax)
    throw invalid(`${bytes.length} bytes long, more than the bound of ${limits.controlFileBytesMax}`);
  const checked = bytes.subarray(0, bytes.length - CHECKSUM_BYTES);
  const stored = new BinaryReader(bytes.subarray(checked.length)).u32('checksum');
  const computed = crc32c(checked);
  if (stored !== computed) throw invalid(`checksum ${hex(stored)} stored, ${hex(computed)} computed`);

  const reader = new BinaryReader(checked);
  const magic = reader.u32('magic');
  if (magic !== MAGIC) throw invalid(`starts with ${hex(magic)} instead of ${hex(MAGIC)}`);
  const file = readBody(reader, reader.u32('version'));
  reader.end();
  return file;
}

/** The version of a file that {@link decodeControlFile} takes. */
export function controlFileVersion(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(VERSION_OFFSET, true);
}

/**
 * Writes the current form of what {@link decodeControlFile} reads, byte for byte as a safekeeper would: version 9 while the membership
 * generation is 0 (members and creation time are then not stored), version 10 otherwise.
 */
export function encodeControlFile(file: ControlFile): Buffer {
  const writer = new BinaryWriter();
  writer.u32(MAGIC);
  if (file.membership.generation === INVALID_GENERATION) {
    writer.u32(9);
    writeVersion9(writer, file);
  } else {
    writer.u32(10);
    writeVersion10(writer, file);
  }
  writer.u32(crc32c(writer.bytes()));
  return writer.bytes();
}

function readBody(reader: BinaryReader, version: number): ControlFile {
  const read = READERS[version - 1];
  if (read === undefined) throw invalid(`format version ${version} is not supported (1 to ${READERS.length} are)`);
  return read(reader);
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`;
}
