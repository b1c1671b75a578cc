import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { WalBreak } from '../safekeeper/verify-wal.ts';
import type { WalOddity } from '../safekeeper/wal-audit.ts';

/** Segments by their numbers, both ends included. */
export interface Segments {
  readonly firstName: string;
  readonly lastName: string;
  readonly count: bigint;
}

/** Something about a whole data directory. */
export type DirectoryFinding =
  | { readonly kind: 'InUse'; readonly pid: number }
  | { readonly kind: 'SafekeeperIdMissing' }
  | { readonly kind: 'SafekeeperIdInvalid' }
  | { readonly kind: 'LeftoverTemp'; readonly path: string }
  | { readonly kind: 'Quarantined'; readonly path: string }
  | { readonly kind: 'ForeignEntry'; readonly path: string }
  | { readonly kind: 'NameNotCanonical'; readonly path: string }
  | { readonly kind: 'SameTimelineTwice'; readonly id: TenantTimelineId; readonly paths: readonly string[] }
  | { readonly kind: 'NoSuchTimeline'; readonly asked: string }
  | { readonly kind: 'Unreadable'; readonly path: string; readonly problem: string }
  | MoreFindings;

/** Something about the directory of one timeline. */
export type TimelineFinding =
  | { readonly kind: 'ControlFileMissing'; readonly hasPartial: boolean }
  | { readonly kind: 'ControlFileInvalid'; readonly problem: string }
  | { readonly kind: 'ControlFilePartial' }
  | { readonly kind: 'IdsDiffer'; readonly stated: TenantTimelineId }
  | { readonly kind: 'TermHistoryInvalid'; readonly problem: string }
  | { readonly kind: 'UploadMissing' }
  | { readonly kind: 'UploadTooShort'; readonly name: string; readonly flushLsn: Lsn; readonly offloadedLsn: Lsn }
  | { readonly kind: 'UploadOfOther'; readonly name: string; readonly safekeeperId: SafekeeperId }
  | { readonly kind: 'SegmentsMissing'; readonly segments: Segments; readonly isAll: boolean }
  | { readonly kind: 'SegmentSize'; readonly name: string; readonly sizeBytes: number; readonly expectedBytes: number }
  | { readonly kind: 'SegmentTwice'; readonly name: string }
  | { readonly kind: 'SegmentNotFile'; readonly name: string }
  | { readonly kind: 'SegmentBehindEnd'; readonly segments: Segments; readonly endLsn: Lsn }
  | { readonly kind: 'SegmentsApart'; readonly segments: Segments }
  | { readonly kind: 'SegmentsOffloaded'; readonly segments: Segments }
  | { readonly kind: 'PartialNotLast'; readonly name: string }
  | { readonly kind: 'WalDamaged'; readonly at: WalBreak }
  | { readonly kind: 'WalUnread'; readonly fromLsn: Lsn; readonly toLsn: Lsn }
  | { readonly kind: 'WalOdd'; readonly oddity: WalOddity }
  | { readonly kind: 'CommitInsideRecord'; readonly commitLsn: Lsn; readonly recordEndLsn: Lsn }
  | { readonly kind: 'WalBehindEnd'; readonly endLsn: Lsn; readonly recordLsn: Lsn }
  | { readonly kind: 'PostgresVersionUnknown'; readonly pgVersion: number }
  | { readonly kind: 'ForeignEntry'; readonly path: string }
  | { readonly kind: 'Unreadable'; readonly path: string; readonly problem: string }
  | MoreFindings;

/** What there was no room for. */
export interface MoreFindings {
  readonly kind: 'MoreFindings';
  readonly count: number;
  readonly problemCount: number;
}

export type Finding = DirectoryFinding | TimelineFinding;

/** `Problem`: something is wrong. `Notice`: worth knowing, nothing is lost or in danger by it. */
export type Severity = 'Problem' | 'Notice';

const NOTICES: ReadonlySet<Finding['kind']> = new Set([
  'InUse',
  'SafekeeperIdMissing',
  'LeftoverTemp',
  'Quarantined',
  'ForeignEntry',
  'NameNotCanonical',
  'ControlFilePartial',
  'SegmentsApart',
  'SegmentsOffloaded',
  'PartialNotLast',
] as const);

export function severityOf(finding: Finding): Severity {
  if (finding.kind === 'MoreFindings') return finding.problemCount > 0 ? 'Problem' : 'Notice';
  return NOTICES.has(finding.kind) ? 'Notice' : 'Problem';
}
