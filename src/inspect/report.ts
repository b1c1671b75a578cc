import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { type DirectoryFinding, severityOf, type TimelineFinding } from './finding.ts';

/** The WAL of one timeline, as far as it could be looked at. */
export interface WalReport {
  /** Where it ends; of an offloaded timeline where it ended. */
  readonly endLsn: Lsn;
  /** Segments that are there, and how many must be. */
  readonly segmentCount: number;
  readonly requiredSegmentCount: bigint;
  /** Of a deep inspection. */
  readonly checked: { readonly recordCount: number; readonly sizeBytes: bigint } | undefined;
}

export interface TimelineReport {
  /** What the directory is named after. */
  readonly id: TenantTimelineId;
  readonly path: string;
  readonly controlFile: { readonly version: number; readonly content: ControlFile } | undefined;
  readonly wal: WalReport | undefined;
  readonly findings: readonly TimelineFinding[];
}

export interface DirectoryReport {
  readonly path: string;
  readonly safekeeperId: SafekeeperId | undefined;
  /** Who holds the pid lock. */
  readonly inUseBy: number | undefined;
  readonly findings: readonly DirectoryFinding[];
}

export function isSound({ findings }: TimelineReport | DirectoryReport): boolean {
  return findings.every((finding) => severityOf(finding) === 'Notice');
}
