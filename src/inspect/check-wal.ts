import { mapBounded } from '../base/concurrency.ts';
import { INVALID_LSN, type Lsn, maxLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { requiredSegments } from '../safekeeper/timeline-wal.ts';
import type { VerifiedStretch, WalBreak, WalStretch } from '../safekeeper/verify-wal.ts';
import type { SegmentRange } from '../safekeeper/wal-segment.ts';
import type { CheckedStretch, StretchChecker } from './check-stretch.ts';
import type { TimelineFinding } from './finding.ts';
import { isApart } from './judge-segments.ts';
import { planStretches } from './plan-stretches.ts';

/** What reading all records of a timeline has shown. */
export interface CheckedWal {
  /** Where the WAL ends: commit_lsn when there is no WAL behind it. */
  readonly endLsn: Lsn;
  readonly recordCount: number;
  readonly sizeBytes: bigint;
  readonly findings: readonly TimelineFinding[];
}

/**
 * Reads every record from the first to the end, in several threads where the checker has them. Segments before a gap that
 * nobody needs are left out; missing files are the business of who judges segments. Throws what reading throws.
 */
export async function checkWal(
  controlFile: ControlFile,
  directory: string,
  runs: readonly SegmentRange[],
  checker: StretchChecker,
  signal: AbortSignal,
): Promise<CheckedWal> {
  const required = requiredSegments(controlFile, controlFile.commitLsn);
  const findings: TimelineFinding[] = [];
  let endLsn = controlFile.commitLsn;
  let recordCount = 0;
  let sizeBytes = 0n;
  for (const run of runs) {
    if (controlFile.commitLsn === INVALID_LSN || isApart(run, runs, required)) continue;
    const stretches = planStretches(controlFile, run);
    const checked = await mapBounded(stretches, checker.concurrency, (stretch) =>
      checker.check({ directory, stretch }, signal),
    );
    findings.push(...judgeStretches(stretches, checked));
    for (const { verified } of checked) {
      recordCount += verified.recordCount;
      sizeBytes += verified.sizeBytes;
    }
    endLsn = maxLsn(endLsn, endOf(stretches, checked) ?? endLsn);
  }
  return { endLsn, recordCount, sizeBytes, findings };
}

/** What is wrong in stretches that follow each other, and between them. */
export function judgeStretches(
  stretches: readonly WalStretch[],
  checked: readonly CheckedStretch[],
): TimelineFinding[] {
  const findings: TimelineFinding[] = [];
  const seen = new Set<Lsn>();
  let before: Passed | undefined;
  for (const [index, { verified, recordBehindEndLsn }] of checked.entries()) {
    const stretch = stretches[index];
    if (stretch === undefined) break;
    const whole = before?.isWhole === true ? before : undefined;
    for (const found of verified.breaks) {
      const isEnd = stretch.limitLsn === undefined;
      // What a record from before goes through has been read with it.
      const isKnown = seen.has(found.lsn) || (whole !== undefined && found.lsn < whole.endLsn);
      seen.add(found.lsn);
      if (!isEnd && !isKnown && !isMissing(found)) findings.push({ kind: 'WalDamaged', at: found });
    }
    const { unreadLsn: fromLsn } = verified;
    const toLsn = stretch.limitLsn;
    if (fromLsn !== undefined && toLsn !== undefined) findings.push({ kind: 'WalUnread', fromLsn, toLsn });
    findings.push(...judgeSeam(whole, stretch, verified));
    for (const oddity of verified.oddities) findings.push({ kind: 'WalOdd', oddity });
    const hidden = verified.oddityCount - verified.oddities.length;
    if (hidden > 0) findings.push({ kind: 'MoreFindings', count: hidden, problemCount: hidden });
    if (recordBehindEndLsn !== undefined) {
      findings.push({ kind: 'WalBehindEnd', endLsn: verified.endLsn, recordLsn: recordBehindEndLsn });
    }
    before = passed(stretch, verified, whole);
  }
  return findings;
}

/** How far the chain has come. */
interface Passed {
  /** The last record before the limit could be read to its end. */
  readonly isWhole: boolean;
  readonly endLsn: Lsn;
  readonly switchedAt: Lsn | undefined;
  readonly lastRecordLsn: Lsn | undefined;
}

function passed({ limitLsn }: WalStretch, verified: VerifiedStretch, before: Passed | undefined): Passed {
  const { endLsn, switchedAt, lastRecordLsn } = verified;
  const isWhole = limitLsn !== undefined && endLsn >= limitLsn;
  return { isWhole, endLsn, switchedAt, lastRecordLsn: lastRecordLsn ?? before?.lastRecordLsn };
}

/** What was read up to here, and from here on, must be one chain. */
function judgeSeam(before: Passed | undefined, stretch: WalStretch, verified: VerifiedStretch): TimelineFinding[] {
  if (before === undefined) return [];
  const { startLsn } = stretch;
  const { boundaryLsn, firstRecord } = verified;
  // Behind a switch record there is nothing up to the next segment: whatever is there is neither part nor break of the chain.
  const { switchedAt } = before;
  const isJumped =
    switchedAt !== undefined && startLsn < before.endLsn && (stretch.insideRecord || startLsn >= switchedAt);
  if (!stretch.insideRecord && before.endLsn !== startLsn && !isJumped) {
    return [{ kind: 'CommitInsideRecord', commitLsn: startLsn, recordEndLsn: before.endLsn }];
  }
  if (boundaryLsn === undefined || isJumped) return [];
  if (boundaryLsn !== before.endLsn) {
    const at: WalBreak = { recordLsn: before.endLsn, lsn: startLsn, problem: 'Continuation' };
    return [{ kind: 'WalDamaged', at }];
  }
  const expectedLsn = before.lastRecordLsn;
  if (firstRecord === undefined || expectedLsn === undefined || firstRecord.previousLsn === expectedLsn) return [];
  // Only if nothing between the two could not be read.
  if (verified.breaks.some((found) => found.recordLsn < firstRecord.lsn)) return [];
  const { lsn, previousLsn: statedLsn } = firstRecord;
  return [{ kind: 'WalOdd', oddity: { kind: 'PreviousRecord', lsn, statedLsn, expectedLsn } }];
}

function isMissing({ problem }: WalBreak): boolean {
  return problem === 'FileMissing' || problem === 'FileShort';
}

/** Of the stretch without a limit. */
function endOf(stretches: readonly WalStretch[], checked: readonly CheckedStretch[]): Lsn | undefined {
  return stretches.at(-1)?.limitLsn === undefined ? checked.at(-1)?.verified.endLsn : undefined;
}
