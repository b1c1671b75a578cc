import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';

/**
 * Reads the little-endian form that safekeepers give their state: fixed-width integers, lists and strings behind a
 * u64 count, options behind a u8, enum variants as u32. Every problem is a Failure `ControlFileInvalid` that names
 * the field; no length is believed before it is compared with a bound and with the bytes that are left.
 */
export class BinaryReader {
  private readonly view: DataView;
  private readonly bytes: Uint8Array;
  private offset = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remainingBytes(): number {
    return this.bytes.length - this.offset;
  }

  u8(field: string): number {
    return this.view.getUint8(this.advance(1, field));
  }

  u16(field: string): number {
    return this.view.getUint16(this.advance(2, field), true);
  }

  u32(field: string): number {
    return this.view.getUint32(this.advance(4, field), true);
  }

  u64(field: string): bigint {
    return this.view.getBigUint64(this.advance(8, field), true);
  }

  /** Bytes without a count before them, as lower-case hex digits. */
  hex(sizeBytes: number, field: string): string {
    const at = this.advance(sizeBytes, field);
    return Buffer.from(this.bytes.subarray(at, this.offset)).toString('hex');
  }

  string(field: string): string {
    const sizeBytes = this.count(field, limits.controlFileStringBytesMax, 1, 'bytes');
    const at = this.advance(sizeBytes, field);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(this.bytes.subarray(at, this.offset));
    } catch (cause) {
      throw invalid(`${field} is not UTF-8`, cause);
    }
  }

  /** `itemBytesMin` is the least that one item takes: a count that cannot fit is refused before anything is read. */
  list<Item>(field: string, itemBytesMin: number, readItem: (itemField: string) => Item): Item[] {
    const count = this.count(field, limits.controlFileListItemsMax, itemBytesMin, 'items');
    return Array.from({ length: count }, (_, index) => readItem(`${field}[${index}]`));
  }

  option<Value>(field: string, readValue: () => Value): Value | null {
    const tag = this.u8(field);
    if (tag > 1) throw invalid(`${field} is an option with the tag ${tag} (0 and 1 exist)`);
    return tag === 0 ? null : readValue();
  }

  variant<Name extends string>(field: string, names: readonly Name[]): Name {
    const index = this.u32(field);
    const name = names[index];
    if (name === undefined) throw invalid(`${field} is the unknown variant ${index} (known: ${names.join(', ')})`);
    return name;
  }

  end(): void {
    if (this.remainingBytes > 0) throw invalid(`${this.remainingBytes} bytes follow the last field`);
  }

  private count(field: string, countMax: number, itemBytesMin: number, unit: string): number {
    const count = this.u64(field);
    if (count > BigInt(countMax)) throw invalid(`${field} has ${count} ${unit}, more than the bound of ${countMax}`);
    if (Number(count) * itemBytesMin > this.remainingBytes)
      throw invalid(`${field} has ${count} ${unit}, more than the file holds`);
    return Number(count);
  }

  private advance(sizeBytes: number, field: string): number {
    if (sizeBytes > this.remainingBytes) throw invalid(`the file ends inside ${field}`);
    const at = this.offset;
    this.offset += sizeBytes;
    return at;
  }
}

/** Writes what {@link BinaryReader} reads. Values must already be in their type's range. */
export class BinaryWriter {
  private buffer = Buffer.alloc(1024);
  private size = 0;

  u8(value: number): void {
    const at = this.reserve(1);
    this.buffer.writeUInt8(value, at);
  }

  u16(value: number): void {
    const at = this.reserve(2);
    this.buffer.writeUInt16LE(value, at);
  }

  u32(value: number): void {
    const at = this.reserve(4);
    this.buffer.writeUInt32LE(value, at);
  }

  u64(value: bigint): void {
    const at = this.reserve(8);
    this.buffer.writeBigUInt64LE(value, at);
  }

  string(value: string): void {
    const sizeBytes = Buffer.byteLength(value, 'utf8');
    this.u64(BigInt(sizeBytes));
    const at = this.reserve(sizeBytes);
    this.buffer.write(value, at, 'utf8');
  }

  list<Item>(items: readonly Item[], writeItem: (item: Item) => void): void {
    this.u64(BigInt(items.length));
    for (const item of items) writeItem(item);
  }

  option<Value>(value: Value | null, writeValue: (value: Value) => void): void {
    this.u8(value === null ? 0 : 1);
    if (value !== null) writeValue(value);
  }

  variant<Name extends string>(name: Name, names: readonly Name[]): void {
    this.u32(names.indexOf(name));
  }

  /** A view of what was written so far. */
  bytes(): Buffer {
    return this.buffer.subarray(0, this.size);
  }

  /** May replace the buffer: take the offset first, then touch the buffer. */
  private reserve(sizeBytes: number): number {
    const at = this.size;
    this.size += sizeBytes;
    if (this.size > this.buffer.length) {
      const larger = Buffer.alloc(Math.max(this.size, this.buffer.length * 2));
      this.buffer.copy(larger, 0, 0, at);
      this.buffer = larger;
    }
    return at;
  }
}

/** Retrying changes nothing: somebody has to replace the file. */
export function invalid(problem: string, cause?: unknown): Failure {
  return new Failure('ControlFileInvalid', `control file: ${problem}`, { retry: 'after-change', cause });
}
