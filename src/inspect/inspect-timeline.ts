import { join } from 'node:path';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { readSmallFile } from '../disk/durable.ts';
import type { DirectoryEntry, FileSystem } from '../disk/file-system.ts';
import { openInDirectory } from '../disk/open-in-directory.ts';
import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import { type Lsn, maxLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, controlFileVersion, decodeControlFile } from '../safekeeper/control-file-codec.ts';
import { findTimelineEnd, requiredSegments } from '../safekeeper/timeline-wal.ts';
import { reachOfTornRecord } from '../safekeeper/wal-behind-end.ts';
import { walPageMagic } from '../safekeeper/wal-page.ts';
import { parseSegmentFileName, segmentCount } from '../safekeeper/wal-segment.ts';
import type { StretchChecker } from './check-stretch.ts';
import { checkWal, judgeStretches } from './check-wal.ts';
import type { TimelineFinding } from './finding.ts';
import { Findings } from './findings.ts';
import { judgeControlFile } from './judge-control-file.ts';
import { judgeSegments } from './judge-segments.ts';
import { lastCommittedPage } from './plan-stretches.ts';
import type { TimelineReport, WalReport } from './report.ts';
import { listSegmentFiles, runsOf, type SegmentFile } from './segment-files.ts';

export interface TimelineInspection {
  readonly files: FileSystem;
  /** Reads every record. */
  readonly deep: boolean;
  readonly checker: StretchChecker;
  readonly safekeeperId: SafekeeperId | undefined;
}

const CONTROL_PARTIAL_NAME = `${CONTROL_FILE_NAME}.partial`;

/** Looks at one timeline's directory, and never throws for what is in it: what cannot be read is a finding. */
export async function inspectTimeline(
  inspection: TimelineInspection,
  id: TenantTimelineId,
  path: string,
  signal: AbortSignal,
): Promise<TimelineReport> {
  const findings = new Findings<TimelineFinding>(limits.inspectFindingsMax);
  const found = { controlFile: undefined as TimelineReport['controlFile'], wal: undefined as WalReport | undefined };
  try {
    const entries = await inspection.files.list(path);
    found.controlFile = await inspectControlFile(inspection, path, entries, findings);
    if (found.controlFile !== undefined) {
      const { content } = found.controlFile;
      findings.add(...judgeControlFile(content, id, inspection.safekeeperId));
      found.wal = await inspectWal(inspection, content, path, entries, findings, signal);
    }
  } catch (error) {
    signal.throwIfAborted();
    findings.add({ kind: 'Unreadable', path, problem: describeError(error) });
  }
  return { id, path, ...found, findings: findings.list() };
}

async function inspectControlFile(
  { files }: TimelineInspection,
  path: string,
  entries: readonly DirectoryEntry[],
  findings: Findings<TimelineFinding>,
): Promise<TimelineReport['controlFile']> {
  const hasPartial = entries.some(({ name }) => name === CONTROL_PARTIAL_NAME);
  const entry = entries.find(({ name }) => name === CONTROL_FILE_NAME);
  if (entry !== undefined && entry.kind !== 'File') {
    // A pipe would keep its reader waiting.
    findings.add({ kind: 'ControlFileInvalid', problem: 'it is not a file' });
    return undefined;
  }
  try {
    const file = join(path, CONTROL_FILE_NAME);
    const bytes = entry && (await readSmallFile(files, file, limits.controlFileBytesMax));
    if (bytes === undefined) {
      findings.add({ kind: 'ControlFileMissing', hasPartial });
      return undefined;
    }
    const content = decodeControlFile(bytes);
    if (hasPartial) findings.add({ kind: 'ControlFilePartial' });
    return { version: controlFileVersion(bytes), content };
  } catch (error) {
    const problem = describeError(error);
    const isContent = error instanceof Failure;
    findings.add(
      isContent
        ? { kind: 'ControlFileInvalid', problem: problem.replace(/^control file: /, '') }
        : { kind: 'Unreadable', path: join(path, CONTROL_FILE_NAME), problem },
    );
    return undefined;
  }
}

async function inspectWal(
  inspection: TimelineInspection,
  controlFile: ControlFile,
  path: string,
  entries: readonly DirectoryEntry[],
  findings: Findings<TimelineFinding>,
  signal: AbortSignal,
): Promise<WalReport> {
  const { walSegmentSize } = controlFile.server;
  const segmentFiles = await listSegmentFiles(inspection.files, path, entries, walSegmentSize);
  const { endLsn, reachLsn, checked } = await readWal(inspection, controlFile, path, segmentFiles, findings, signal);
  findings.add(...judgeSegments(controlFile, endLsn, reachLsn, segmentFiles));
  for (const { name } of entries) {
    const isKnown = name === CONTROL_FILE_NAME || name === CONTROL_PARTIAL_NAME;
    if (isKnown || parseSegmentFileName(name, walSegmentSize) !== undefined) continue;
    findings.add({ kind: 'ForeignEntry', path: join(path, name) });
  }
  const required = requiredSegments(controlFile, maxLsn(endLsn, controlFile.commitLsn));
  const segmentCountOf = new Set(segmentFiles.filter((file) => file.sizeBytes !== undefined).map((it) => it.segment));
  return {
    endLsn,
    segmentCount: segmentCountOf.size,
    requiredSegmentCount: required === undefined ? 0n : segmentCount(required),
    checked,
  };
}

interface ReadWal extends Pick<WalReport, 'endLsn' | 'checked'> {
  /** Up to where files may be that a record which was only begun needs. */
  readonly reachLsn: Lsn;
}

/** The end of the WAL, and with `deep` all of it. */
async function readWal(
  { files, deep, checker }: TimelineInspection,
  controlFile: ControlFile,
  path: string,
  segmentFiles: readonly SegmentFile[],
  findings: Findings<TimelineFinding>,
  signal: AbortSignal,
): Promise<ReadWal> {
  const { commitLsn, eviction, server } = controlFile;
  const unread = (endLsn: Lsn) => ({ endLsn, reachLsn: endLsn, checked: undefined });
  if (eviction.kind === 'Offloaded') return unread(eviction.flushLsn);
  if (walPageMagic(server.pgVersion) === undefined) {
    if (segmentFiles.length > 0) findings.add({ kind: 'PostgresVersionUnknown', pgVersion: server.pgVersion });
    return unread(commitLsn);
  }
  const source = openInDirectory(files, path);
  try {
    if (deep) {
      const {
        endLsn,
        findings: found,
        ...checked
      } = await checkWal(controlFile, path, runsOf(segmentFiles), checker, signal);
      findings.add(...found);
      return { endLsn, checked, reachLsn: await reachOfTornRecord(source, endLsn, server.walSegmentSize) };
    }
    const page = lastCommittedPage(controlFile);
    if (page !== undefined) {
      const checked = await checker.check({ directory: path, stretch: page }, signal);
      findings.add(...judgeStretches([page], [checked]));
      const { endLsn: recordEndLsn, breaks } = checked.verified;
      if (breaks.length === 0 && recordEndLsn !== commitLsn) {
        findings.add({ kind: 'CommitInsideRecord', commitLsn, recordEndLsn });
      }
    }
    const endLsn = await findTimelineEnd(source, controlFile, signal);
    return { endLsn, checked: undefined, reachLsn: await reachOfTornRecord(source, endLsn, server.walSegmentSize) };
  } catch (error) {
    signal.throwIfAborted();
    findings.add({ kind: 'Unreadable', path, problem: describeError(error) });
    return unread(commitLsn);
  }
}
