import { type Lsn, maxLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { isBehindEnd, requiredSegments } from '../safekeeper/timeline-wal.ts';
import { type SegmentNumber, type SegmentRange, segmentFileName, segmentNumber } from '../safekeeper/wal-segment.ts';
import type { TimelineFinding } from './finding.ts';
import { describeSegments, gapsIn, runsOf, type SegmentFile } from './segment-files.ts';

/**
 * What is wrong with the files of a timeline whose WAL ends at `endLsn`, by their names and sizes: missing ones, gaps, wrong
 * sizes, two for one segment, those that cannot be there. Up to `reachLsn` there may be files of a record that was only
 * begun. Findings are one a gap or file, never one a missing segment.
 */
export function judgeSegments(
  controlFile: ControlFile,
  endLsn: Lsn,
  reachLsn: Lsn,
  segmentFiles: readonly SegmentFile[],
): TimelineFinding[] {
  const { walSegmentSize } = controlFile.server;
  const findings = segmentFiles.flatMap((file, index) => judgeFile(file, segmentFiles[index - 1], walSegmentSize));
  const runs = runsOf(segmentFiles);
  if (controlFile.eviction.kind === 'Offloaded') {
    for (const run of runs)
      findings.push({ kind: 'SegmentsOffloaded', segments: describeSegments(run, walSegmentSize) });
    return findings;
  }
  const required = requiredSegments(controlFile, maxLsn(endLsn, controlFile.commitLsn));
  const gaps = required === undefined ? [] : gapsIn(required, runs);
  const isAll = runs.length === 0;
  for (const gap of gaps)
    findings.push({ kind: 'SegmentsMissing', segments: describeSegments(gap, walSegmentSize), isAll });
  for (const run of runs) {
    const segments = describeSegments(run, walSegmentSize);
    if (isApart(run, runs, required)) findings.push({ kind: 'SegmentsApart', segments });
    if (isBehindEnd(run, reachLsn, walSegmentSize)) {
      findings.push({ kind: 'SegmentBehindEnd', segments: behind(run, reachLsn, walSegmentSize), endLsn });
    }
  }
  const last = runs.at(-1)?.last;
  for (const { name, segment, isPartial, sizeBytes } of segmentFiles) {
    if (isPartial && sizeBytes !== undefined && last !== undefined && segment < last) {
      findings.push({ kind: 'PartialNotLast', name });
    }
  }
  return findings;
}

/** Whether nothing that is required, nor what comes before it without a gap, is in the run. */
export function isApart(run: SegmentRange, runs: readonly SegmentRange[], required: SegmentRange | undefined): boolean {
  return required === undefined ? run !== runs.at(-1) : run.last + 1n < required.first;
}

function judgeFile(file: SegmentFile, before: SegmentFile | undefined, walSegmentSize: number): TimelineFinding[] {
  const { name, segment, sizeBytes } = file;
  if (sizeBytes === undefined) return [{ kind: 'SegmentNotFile', name }];
  const findings: TimelineFinding[] = [];
  if (sizeBytes !== walSegmentSize) {
    findings.push({ kind: 'SegmentSize', name, sizeBytes, expectedBytes: walSegmentSize });
  }
  if (before?.segment === segment && before.sizeBytes !== undefined) {
    findings.push({ kind: 'SegmentTwice', name: segmentFileName(segment, walSegmentSize) });
  }
  return findings;
}

/** The part of a run that is behind the segment of `reachLsn`. */
function behind(run: SegmentRange, reachLsn: Lsn, walSegmentSize: number) {
  const next = (segmentNumber(reachLsn, walSegmentSize) + 1n) as SegmentNumber;
  const first = reachLsn === 0n || next < run.first ? run.first : next;
  return describeSegments({ first, last: run.last }, walSegmentSize);
}
