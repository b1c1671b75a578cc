import { formatLsn, type Lsn } from '../domain/lsn.ts';
import { stringifyLosslessJson } from '../http/json.ts';
import { explainFinding } from '../inspect/explain-finding.ts';
import { type Finding, severityOf } from '../inspect/finding.ts';
import { type DirectoryReport, isSound, type TimelineReport } from '../inspect/report.ts';
import { controlFileToJson } from '../safekeeper/control-file-json.ts';
import type { InspectTotals, InspectView } from './inspect-view.ts';

/** One JSON document, written timeline by timeline; docs/inspect.md describes it. */
export class InspectJson implements InspectView {
  private readonly write: (text: string) => Promise<void>;
  private count = 0;

  constructor(write: (text: string) => Promise<void>) {
    this.write = write;
  }

  async begin(): Promise<void> {
    await this.write('{"timelines":[');
  }

  async timeline(report: TimelineReport): Promise<void> {
    await this.write(`${this.count++ === 0 ? '' : ','}\n${stringifyLosslessJson(timelineToJson(report))}`);
  }

  async end(report: DirectoryReport, totals: InspectTotals): Promise<void> {
    const rest = {
      directory: report.path,
      safekeeper_id: report.safekeeperId ?? null,
      in_use_by: report.inUseBy ?? null,
      deep: totals.deep,
      sound: totals.problemCount === 0,
      findings: report.findings.map(findingToJson),
      totals: {
        timelines: totals.timelineCount,
        unsound_timelines: totals.unsoundCount,
        problems: totals.problemCount,
        notices: totals.noticeCount,
        wal_bytes_checked: totals.walBytes,
        records_checked: totals.recordCount,
        elapsed_ms: Math.round(totals.elapsedMs),
      },
    };
    await this.write(`\n],${stringifyLosslessJson(rest).slice(1)}\n`);
  }
}

function timelineToJson(report: TimelineReport) {
  const { id, path, controlFile, wal } = report;
  return {
    tenant_id: id.tenantId,
    timeline_id: id.timelineId,
    path,
    sound: isSound(report),
    control_file: controlFile && { version: controlFile.version, ...controlFileToJson(controlFile.content) },
    wal: wal && {
      end_lsn: formatLsn(wal.endLsn),
      segments: wal.segmentCount,
      required_segments: wal.requiredSegmentCount,
      checked_bytes: wal.checked?.sizeBytes,
      checked_records: wal.checked?.recordCount,
    },
    findings: report.findings.map(findingToJson),
  };
}

function findingToJson(finding: Finding) {
  const { kind, ...fields } = finding;
  const rest = toJson(fields) as Record<string, unknown>;
  return { kind, severity: severityOf(finding), message: explainFinding(finding), ...rest };
}

/** Names in snake case as in the rest of the document, LSNs as text. */
function toJson(value: unknown, name = ''): unknown {
  if (typeof value === 'bigint') return /lsn$/i.test(name) ? formatLsn(value as Lsn) : value;
  if (Array.isArray(value)) return value.map((item) => toJson(item, name));
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, inner]) => [snakeCase(key), toJson(inner, key)] as const);
  return Object.fromEntries(entries);
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
