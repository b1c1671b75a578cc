import { formatTenantTimelineId } from '../domain/ids.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { Member } from '../domain/membership.ts';
import { lastLogTerm } from '../domain/term.ts';
import { explainFinding } from '../inspect/explain-finding.ts';
import { type Finding, severityOf } from '../inspect/finding.ts';
import { type DirectoryReport, isSound, type TimelineReport } from '../inspect/report.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import type { InspectTotals, InspectView } from './inspect-view.ts';
import type { Glyphs } from './terminal/glyphs.ts';
import type { Colors } from './terminal/paint.ts';

const WIDTHS = [65, 10, 11, 6, 19, 19, 9] as const;
const TITLES = ['TENANT/TIMELINE', 'WAL', 'TERM (LOG)', 'GEN', 'COMMIT_LSN', 'END OF WAL', 'SEGMENTS'] as const;
const INDENT = '    ';
const MIB = 1024 * 1024;

/** Colours and signs for one output. */
export interface Look {
  readonly colors: Colors;
  readonly glyphs: Glyphs;
}

/** A line a timeline, what is found below it, a summary at the end. */
export class InspectTable implements InspectView {
  private readonly write: (text: string) => Promise<void>;
  /** Shows all that the control files say. */
  private readonly isVerbose: boolean;
  private readonly look: Look;
  private isBegun = false;

  constructor(write: (text: string) => Promise<void>, isVerbose: boolean, look: Look) {
    this.write = write;
    this.look = look;
    this.isVerbose = isVerbose;
  }

  begin(): Promise<void> {
    return Promise.resolve();
  }

  async timeline(report: TimelineReport): Promise<void> {
    const lines = this.isBegun ? [] : [this.look.colors.bold(`  ${columns(TITLES)}`)];
    this.isBegun = true;
    lines.push(`${mark(report, this.look)} ${columns(cells(report))}`);
    if (this.isVerbose && report.controlFile !== undefined) {
      lines.push(
        ...details(report.controlFile.content, report.controlFile.version).map((line) =>
          this.look.colors.dim(INDENT + line),
        ),
      );
    }
    lines.push(...report.findings.map((finding) => findingLine(finding, this.look)));
    await this.write(`${lines.join('\n')}\n`);
  }

  async end(report: DirectoryReport, totals: InspectTotals): Promise<void> {
    const owner = report.safekeeperId === undefined ? '' : ` of safekeeper ${report.safekeeperId}`;
    const lines = [...(this.isBegun ? [''] : []), ...report.findings.map((finding) => findingLine(finding, this.look))];
    lines.push(`${summaryMark(totals, this.look)} ${visible(report.path)}${owner}: ${summary(totals)}`);
    await this.write(`${lines.join('\n')}\n`);
  }
}

function cells({ id, controlFile, wal }: TimelineReport): string[] {
  const name = formatTenantTimelineId(id);
  if (controlFile === undefined) return [name, 'unknown', '-', '-', '-', '-', '-'];
  const { content } = controlFile;
  const end = wal?.endLsn ?? content.commitLsn;
  return [
    name,
    walState(content, wal?.segmentCount ?? 0),
    `${content.term} (${lastLogTerm(content.termHistory, end)})`,
    String(content.membership.generation),
    formatLsn(content.commitLsn),
    formatLsn(end),
    wal === undefined ? '-' : `${wal.segmentCount}/${wal.requiredSegmentCount}`,
  ];
}

function walState({ eviction }: ControlFile, segmentsFound: number): string {
  if (eviction.kind === 'Offloaded') return 'offloaded';
  return segmentsFound === 0 ? 'none' : 'on disk';
}

function details(content: ControlFile, version: number): string[] {
  const { server, membership, partialBackup, eviction, creation } = content;
  const members = membership.newMembers === null ? '' : `, joint with ${listMembers(membership.newMembers)}`;
  const history = content.termHistory.slice(-5).map(({ term, lsn }) => `${term} at ${formatLsn(lsn)}`);
  const more = content.termHistory.length > history.length ? '… ' : '';
  return [
    `control file version ${version}, Postgres ${server.pgVersion}, system id ${server.systemId}, segments of ${server.walSegmentSize / MIB} MiB`,
    `members ${listMembers(membership.members)}${members}; terms ${more}${history.join(', ') || 'none'}`,
    `timeline_start ${formatLsn(content.timelineStartLsn)}, local_start ${formatLsn(content.localStartLsn)}, peer_horizon ${formatLsn(content.peerHorizonLsn)}, backup ${formatLsn(content.backupLsn)}, remote_consistent ${formatLsn(content.remoteConsistentLsn)}`,
    ...(creation.seconds > 0n ? [`created ${createdAt(creation.seconds)}`] : []),
    ...(eviction.kind === 'Offloaded' ? [`offloaded at ${formatLsn(eviction.flushLsn)}`] : []),
    ...partialBackup.map(
      ({ status, name, flushLsn }) => `partial backup ${status} ${visible(name)} up to ${formatLsn(flushLsn)}`,
    ),
  ];
}

function createdAt(seconds: bigint): string {
  // What a Date can be.
  return seconds <= 8_640_000_000_000n ? new Date(Number(seconds) * 1000).toISOString() : `${seconds} s after 1970`;
}

function listMembers(members: readonly Member[]): string {
  return members.map(({ id, host, pgPort }) => `${id} (${visible(host)}:${pgPort})`).join(', ') || 'none';
}

function findingLine(finding: Finding, { colors, glyphs }: Look): string {
  const isProblem = severityOf(finding) === 'Problem';
  const kind = isProblem ? colors.red(finding.kind) : colors.yellow(finding.kind);
  return `${INDENT}${isProblem ? colors.red(glyphs.needsYou) : colors.yellow(glyphs.atRisk)} ${kind}: ${visible(explainFinding(finding))}`;
}

function mark(report: TimelineReport, { colors, glyphs }: Look): string {
  if (!isSound(report)) return colors.red(glyphs.needsYou);
  return report.findings.length > 0 ? colors.yellow(glyphs.atRisk) : colors.green(glyphs.redundant);
}

function summaryMark({ problemCount }: InspectTotals, { colors, glyphs }: Look): string {
  return problemCount > 0 ? colors.red(glyphs.needsYou) : colors.green(glyphs.redundant);
}

function summary(totals: InspectTotals): string {
  const { timelineCount, unsoundCount, problemCount, noticeCount, deep, walBytes, recordCount, elapsedMs } = totals;
  const timelines = timelineCount === 0 ? 'no timelines' : count(timelineCount, 'timeline');
  const unsound = unsoundCount === 0 ? '' : `${unsoundCount} of them unsound: `;
  const state = problemCount === 0 ? 'nothing wrong' : `${unsound}${count(problemCount, 'problem')}`;
  const notices = noticeCount === 0 ? '' : `, ${count(noticeCount, 'notice')}`;
  const seconds = `${(elapsedMs / 1000).toFixed(1)} s`;
  const read = deep
    ? `; ${recordCount} records in ${(Number(walBytes) / MIB).toFixed(1)} MiB of WAL checked in ${seconds}`
    : '; --deep reads every record of the WAL, too';
  return `${timelines}, ${state}${notices}${read}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}

function columns(texts: readonly string[]): string {
  return texts
    .map((text, index) => text.padEnd(WIDTHS[index] ?? 0))
    .join(' ')
    .trimEnd();
}

/** Names of files and hosts may hold anything: what a terminal would act on is shown instead. */
function visible(text: string): string {
  return Array.from(text, (letter) => (isControl(letter) ? `\\x${hex(letter)}` : letter)).join('');
}

function isControl(letter: string): boolean {
  const code = letter.codePointAt(0) ?? 0;
  return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x202e);
}

function hex(letter: string): string {
  return (letter.codePointAt(0) ?? 0).toString(16).padStart(2, '0');
}
