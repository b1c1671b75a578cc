import { assert } from '../base/assert.ts';
import type { Brand } from '../base/brand.ts';

/** Log sequence number: a byte position in the write-ahead log, unsigned 64 bit. Zero means "invalid", there is no WAL. */
export type Lsn = Brand<bigint, 'Lsn'>;

const FORM = /^([0-9a-fA-F]{1,8})\/([0-9a-fA-F]{1,8})$/;
const U64_MAX = 2n ** 64n - 1n;

export const INVALID_LSN = 0n as Lsn;
/** The pattern of an LSN's text form, for schemas. */
export const LSN_PATTERN = '^[0-9A-F]{1,8}/[0-9A-F]{1,8}$';

/** The number must already be known to be an unsigned 64-bit integer. */
export function lsn(value: bigint): Lsn {
  assert(value >= 0n && value <= U64_MAX, 'an LSN is an unsigned 64-bit integer');
  return value as Lsn;
}

/** Parses Postgres' text form, hex digits of the upper and lower 32 bits: `0/466DF60`. Undefined for anything else. */
export function parseLsn(text: string): Lsn | undefined {
  const match = FORM.exec(text);
  return match ? (((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn) : undefined;
}

/** Postgres' text form: upper-case hex without leading zeros. */
export function formatLsn(value: Lsn): string {
  return `${(value >> 32n).toString(16)}/${(value & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

export function maxLsn(a: Lsn, b: Lsn): Lsn {
  return a >= b ? a : b;
}

export function minLsn(a: Lsn, b: Lsn): Lsn {
  return a <= b ? a : b;
}
