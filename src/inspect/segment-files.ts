import { join } from 'node:path';
import { mapBounded } from '../base/concurrency.ts';
import { limits } from '../base/limits.ts';
import type { DirectoryEntry, FileSystem } from '../disk/file-system.ts';
import {
  parseSegmentFileName,
  type SegmentNumber,
  segmentFileName,
  type SegmentRange,
} from '../safekeeper/wal-segment.ts';
import type { Segments } from './finding.ts';

/** One entry of a timeline's directory that has the name of a segment. */
export interface SegmentFile {
  readonly name: string;
  readonly segment: SegmentNumber;
  readonly isPartial: boolean;
  /** Undefined: it is not a file. */
  readonly sizeBytes: number | undefined;
}

/** The segments among the entries of a directory, in order. */
export async function listSegmentFiles(
  files: FileSystem,
  directory: string,
  entries: readonly DirectoryEntry[],
  walSegmentSize: number,
): Promise<SegmentFile[]> {
  const found = await mapBounded(entries, limits.inspectStatusConcurrencyMax, async ({ name, kind }) => {
    const parsed = parseSegmentFileName(name, walSegmentSize);
    if (parsed === undefined) return undefined;
    const status = kind === 'File' ? await files.status(join(directory, name)) : undefined;
    // Removed since it was listed, as WAL is once nobody needs it.
    if (kind === 'File' && status === undefined) return undefined;
    return { name, ...parsed, sizeBytes: status?.sizeBytes };
  });
  return found.filter((file) => file !== undefined).sort(bySegment);
}

/** Consecutive segments that are there as files, in order; memory is one item a gap. */
export function runsOf(segmentFiles: readonly SegmentFile[]): SegmentRange[] {
  const runs: Array<{ readonly first: SegmentNumber; last: SegmentNumber }> = [];
  for (const { segment, sizeBytes } of segmentFiles) {
    if (sizeBytes === undefined) continue;
    const run = runs.at(-1);
    if (run !== undefined && segment <= run.last + 1n) run.last = segment;
    else runs.push({ first: segment, last: segment });
  }
  return runs;
}

/** The parts of `range` that no run has. */
export function gapsIn(range: SegmentRange, runs: readonly SegmentRange[]): SegmentRange[] {
  const gaps: SegmentRange[] = [];
  let next = range.first;
  for (const { first, last } of runs) {
    if (last < next) continue;
    if (first > range.last) break;
    if (first > next) gaps.push({ first: next, last: (first - 1n) as SegmentNumber });
    next = (last + 1n) as SegmentNumber;
  }
  if (next <= range.last) gaps.push({ first: next, last: range.last });
  return gaps;
}

export function describeSegments({ first, last }: SegmentRange, walSegmentSize: number): Segments {
  return {
    firstName: segmentFileName(first, walSegmentSize),
    lastName: segmentFileName(last, walSegmentSize),
    count: last - first + 1n,
  };
}

function bySegment(a: SegmentFile, b: SegmentFile): number {
  if (a.segment !== b.segment) return a.segment < b.segment ? -1 : 1;
  return Number(a.isPartial) - Number(b.isPartial);
}
