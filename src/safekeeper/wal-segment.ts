import type { Brand } from '../base/brand.ts';
import { limits } from '../base/limits.ts';
import { INVALID_LSN, type Lsn, lsn, minLsn } from '../domain/lsn.ts';

/** Number of a WAL segment: LSN divided by the segment size. */
export type SegmentNumber = Brand<bigint, 'SegmentNumber'>;

/** Postgres timeline id: safekeepers only know 1. */
export const POSTGRES_TIMELINE_ID = 1n;
const PARTIAL_SUFFIX = '.partial';
const SEGMENT_NAME = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.partial)?$/;
const U32_VALUES = 2n ** 32n;

/** Postgres' rule: a power of two from 1 MiB to 1 GiB. */
export function isWalSegmentSize(sizeBytes: number): boolean {
  return (
    Number.isInteger(sizeBytes) &&
    sizeBytes >= limits.walSegmentSizeMin &&
    sizeBytes <= limits.walSegmentSizeMax &&
    Number.isInteger(Math.log2(sizeBytes))
  );
}

/** The segment that holds the byte at `position`. */
export function segmentNumber(position: Lsn, walSegmentSize: number): SegmentNumber {
  return (position / BigInt(walSegmentSize)) as SegmentNumber;
}

/** LSN of the segment's first byte. */
export function segmentStart(segment: SegmentNumber, walSegmentSize: number): Lsn {
  return lsn(segment * BigInt(walSegmentSize));
}

/** Name of a complete segment's file: 24 upper-case hex digits. */
export function segmentFileName(segment: SegmentNumber, walSegmentSize: number): string {
  const segmentsPerId = U32_VALUES / BigInt(walSegmentSize);
  return hex8(POSTGRES_TIMELINE_ID) + hex8(segment / segmentsPerId) + hex8(segment % segmentsPerId);
}

/** Name of the file of the segment that is being written; it has full size already. */
export function partialSegmentFileName(segment: SegmentNumber, walSegmentSize: number): string {
  return segmentFileName(segment, walSegmentSize) + PARTIAL_SUFFIX;
}

export interface SegmentFileName {
  readonly segment: SegmentNumber;
  readonly isPartial: boolean;
}

/**
 * Reads exactly the names that {@link segmentFileName} and {@link partialSegmentFileName} give for this segment
 * size; undefined for any other text, which includes other timeline ids and lower case.
 */
export function parseSegmentFileName(name: string, walSegmentSize: number): SegmentFileName | undefined {
  const [, timelineId, high, low, suffix] = SEGMENT_NAME.exec(name) ?? [];
  if (timelineId === undefined || BigInt(`0x${timelineId}`) !== POSTGRES_TIMELINE_ID) return undefined;
  const segmentsPerId = U32_VALUES / BigInt(walSegmentSize);
  const lowValue = BigInt(`0x${low}`);
  if (lowValue >= segmentsPerId) return undefined;
  const segment = (BigInt(`0x${high}`) * segmentsPerId + lowValue) as SegmentNumber;
  return { segment, isPartial: suffix !== undefined };
}

/** Consecutive segments, both ends included. */
export interface SegmentRange {
  readonly first: SegmentNumber;
  readonly last: SegmentNumber;
}

export interface SnapshotPositions {
  readonly remoteConsistentLsn: Lsn;
  readonly backupLsn: Lsn;
  readonly flushLsn: Lsn;
  readonly walSegmentSize: number;
}

/**
 * The segments that a snapshot of a resident timeline must contain: from the oldest one that pageserver or remote
 * storage may still lack to that of the last byte. Undefined when there are none: nothing was ever written, or all
 * of it is already elsewhere.
 */
export function snapshotSegmentRange(positions: SnapshotPositions): SegmentRange | undefined {
  const horizon = minLsn(positions.remoteConsistentLsn, positions.backupLsn);
  if (horizon === INVALID_LSN || positions.flushLsn === INVALID_LSN) return undefined;
  const first = segmentNumber(horizon, positions.walSegmentSize);
  // The last byte, not the end: at a segment boundary the next segment does not exist yet.
  const last = segmentNumber(lsn(positions.flushLsn - 1n), positions.walSegmentSize);
  return last < first ? undefined : { first, last };
}

/** How many segments the range has. */
export function segmentCount(range: SegmentRange): bigint {
  return range.last - range.first + 1n;
}

/** The range's segments in order. */
export function* segmentsOf(range: SegmentRange): Generator<SegmentNumber> {
  for (let segment = range.first; segment <= range.last; segment = (segment + 1n) as SegmentNumber) yield segment;
}

function hex8(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
