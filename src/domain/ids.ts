import type { Brand } from '../base/brand.ts';

/** 32 lower-case hex digits. */
export type TenantId = Brand<string, 'TenantId'>;
/** 32 lower-case hex digits. */
export type TimelineId = Brand<string, 'TimelineId'>;
/** Safekeeper (node) id: an unsigned 64-bit number. */
export type SafekeeperId = Brand<bigint, 'SafekeeperId'>;

export const ID_PATTERN = '^[0-9a-f]{32}$';
const CANONICAL = new RegExp(ID_PATTERN);
const HEX_32 = /^[0-9a-fA-F]{32}$/;
const DIGITS = /^[0-9]{1,20}$/;
const U64_MAX = 2n ** 64n - 1n;

/** Takes either case, as safekeepers do; undefined when `text` is anything else than 32 hex digits. */
export function parseTenantId(text: string): TenantId | undefined {
  return HEX_32.test(text) ? (text.toLowerCase() as TenantId) : undefined;
}

/** Takes either case, as safekeepers do; undefined when `text` is anything else than 32 hex digits. */
export function parseTimelineId(text: string): TimelineId | undefined {
  return HEX_32.test(text) ? (text.toLowerCase() as TimelineId) : undefined;
}

/** Whether it is an id as directories are named after it: in lower case. */
export function isCanonicalId(text: string): boolean {
  return CANONICAL.test(text);
}

/** Takes decimal digits or a non-negative integer below 2^64; undefined for anything else. */
export function parseSafekeeperId(value: string | number | bigint): SafekeeperId | undefined {
  if (typeof value === 'string' && !DIGITS.test(value)) return undefined;
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return undefined;
  const id = BigInt(value);
  return id >= 0n && id <= U64_MAX ? (id as SafekeeperId) : undefined;
}

/** A timeline's full name. */
export interface TenantTimelineId {
  readonly tenantId: TenantId;
  readonly timelineId: TimelineId;
}

/** `tenant/timeline`: how safekeepers write it in messages, and the key of every map of timelines. */
export function formatTenantTimelineId({ tenantId, timelineId }: TenantTimelineId): string {
  return `${tenantId}/${timelineId}`;
}
