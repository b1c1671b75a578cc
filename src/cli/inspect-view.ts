import type { DirectoryReport, TimelineReport } from '../inspect/report.ts';

/** What was looked at, all in all. */
export interface InspectTotals {
  readonly deep: boolean;
  readonly timelineCount: number;
  readonly unsoundCount: number;
  readonly problemCount: number;
  readonly noticeCount: number;
  readonly recordCount: number;
  readonly walBytes: bigint;
  readonly elapsedMs: number;
}

/** Shows an inspection as it goes on. */
export interface InspectView {
  begin(): Promise<void>;
  timeline(report: TimelineReport): Promise<void>;
  end(report: DirectoryReport, totals: InspectTotals): Promise<void>;
}
