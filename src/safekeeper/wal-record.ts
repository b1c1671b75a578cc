/**
 * The WAL record header as Postgres lays it out (src/include/access/xlogrecord.h), little-endian: total length u32,
 * transaction u32, previous record u64, info u8, resource manager u8, padding u16, CRC-32C u32. The checksum is that
 * of everything behind the header followed by the header without the checksum.
 */
export const RECORD_HEADER_BYTES = 24;
export const RECORD_PREVIOUS_OFFSET = 8;
export const RECORD_INFO_OFFSET = 16;
export const RECORD_MANAGER_OFFSET = 17;
export const RECORD_CHECKSUM_OFFSET = 20;
/** Records start at multiples of 8. */
export const RECORD_ALIGNMENT_BYTES = 8;
/** No Postgres can allocate, hence write, a longer one. */
export const RECORD_BYTES_MAX = 1024 * 1024 * 1024;

export const XLOG_RESOURCE_MANAGER = 0;
export const XLOG_SWITCH_INFO = 0x40;

/** `header` starts at `offset`. After a switch record the rest of its segment is unused. */
export function isSwitchRecord(header: Uint8Array, offset: number): boolean {
  return (
    header[offset + RECORD_MANAGER_OFFSET] === XLOG_RESOURCE_MANAGER &&
    header[offset + RECORD_INFO_OFFSET] === XLOG_SWITCH_INFO
  );
}

/** The next record's offset after a record that ends at `end`. */
export function alignRecord(end: number): number {
  return end + ((RECORD_ALIGNMENT_BYTES - (end % RECORD_ALIGNMENT_BYTES)) % RECORD_ALIGNMENT_BYTES);
}
