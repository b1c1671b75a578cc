import { join } from 'node:path';
import { describeError } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import {
  QUARANTINE_DIRECTORY_NAME,
  SAFEKEEPER_ID_BYTES_MAX,
  SAFEKEEPER_ID_FILE_NAME,
  TEMP_DIRECTORY_NAME,
  TEMP_SUFFIX,
  TOMBSTONE_FILE_NAME,
  UNFINISHED_FILE_NAME,
} from '../disk/data-directory.ts';
import { readSmallFile } from '../disk/durable.ts';
import type { DirectoryEntry, FileSystem } from '../disk/file-system.ts';
import { PID_FILE_NAME } from '../disk/pid-lock.ts';
import {
  formatTenantTimelineId,
  isCanonicalId,
  parseSafekeeperId,
  parseTenantId,
  parseTimelineId,
  type SafekeeperId,
  type TenantId,
  type TenantTimelineId,
  type TimelineId,
} from '../domain/ids.ts';
import type { StretchChecker } from './check-stretch.ts';
import type { DirectoryFinding } from './finding.ts';
import { Findings } from './findings.ts';
import { inSlidingWindow } from './sliding-window.ts';
import { inspectTimeline, type TimelineInspection } from './inspect-timeline.ts';
import { readOnlyFiles } from './read-only-files.ts';
import { type DirectoryReport, isSound, type TimelineReport } from './report.ts';

export interface InspectOptions {
  /** Only ever read from. */
  readonly files: FileSystem;
  /** Must be a directory. */
  readonly dataDirectory: string;
  /** Reads every record of the WAL. */
  readonly deep: boolean;
  readonly checker: StretchChecker;
  /** The process that holds the pid lock, if one is seen. */
  readonly inUseBy: number | undefined;
  /** Only timelines of this tenant, only this timeline. */
  readonly tenantId: TenantId | undefined;
  readonly timelineId: TimelineId | undefined;
}

/** What is in a data directory beside tenants. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  SAFEKEEPER_ID_FILE_NAME,
  PID_FILE_NAME,
  TOMBSTONE_FILE_NAME,
  UNFINISHED_FILE_NAME,
  TEMP_DIRECTORY_NAME,
  QUARANTINE_DIRECTORY_NAME,
  // Every ext4 volume has it.
  'lost+found',
]);

/**
 * Looks at a data directory without changing anything: yields one report a timeline, in the order of their names, and
 * returns what there is to say of the directory itself. Memory depends on the number of names, not on what they hold.
 */
export async function* inspectDirectory(
  options: InspectOptions,
  signal: AbortSignal,
): AsyncGenerator<TimelineReport, DirectoryReport> {
  const files = readOnlyFiles(options.files);
  const { dataDirectory, inUseBy } = options;
  const findings = new Findings<DirectoryFinding>(limits.inspectFindingsMax);
  if (inUseBy !== undefined) findings.add({ kind: 'InUse', pid: inUseBy });
  const entries = sorted(await files.list(dataDirectory));
  const safekeeperId = await inspectSafekeeperId(files, dataDirectory, findings);
  const inspection: TimelineInspection = { files, deep: options.deep, checker: options.checker, safekeeperId };
  const strays = new Strays();
  let timelineCount = 0;
  const inspect = async (id: TenantTimelineId) => await inspectTwice(inspection, id, dataDirectory, signal);
  for (const entry of entries) {
    const tenantId = isCanonicalId(entry.name) && entry.kind === 'Directory' ? parseTenantId(entry.name) : undefined;
    if (tenantId === undefined) {
      await inspectOther(files, dataDirectory, entry, findings);
      continue;
    }
    if (options.tenantId !== undefined && tenantId !== options.tenantId) continue;
    const ids = await listTimelines(files, join(dataDirectory, tenantId), tenantId, findings);
    const chosen = ids.filter(({ timelineId }) => (options.timelineId ?? timelineId) === timelineId);
    for await (const report of inSlidingWindow(chosen, limits.inspectTimelinesMax, inspect)) {
      timelineCount++;
      strays.remember(report);
      yield report;
    }
  }
  const asked = [options.tenantId, options.timelineId].filter((id) => id !== undefined).join('/');
  if (timelineCount === 0 && asked !== '') findings.add({ kind: 'NoSuchTimeline', asked });
  findings.add(...(await strays.twins(files, dataDirectory)));
  return { path: dataDirectory, safekeeperId, inUseBy, findings: findings.list() };
}

/**
 * While somebody works in the directory, who may be hidden in another container, files come and go as they are looked at:
 * what is wrong must be so twice.
 */
async function inspectTwice(
  inspection: TimelineInspection,
  id: TenantTimelineId,
  dataDirectory: string,
  signal: AbortSignal,
): Promise<TimelineReport> {
  const path = join(dataDirectory, id.tenantId, id.timelineId);
  const report = await inspectTimeline(inspection, id, path, signal);
  return isSound(report) ? report : await inspectTimeline(inspection, id, path, signal);
}

/** Directories whose control files are of other timelines, by those. */
class Strays {
  private readonly pathsById = new Map<string, { readonly id: TenantTimelineId; readonly paths: string[] }>();

  remember({ id, path, controlFile }: TimelineReport): void {
    if (controlFile === undefined) return;
    const { tenantId, timelineId } = controlFile.content;
    const key = formatTenantTimelineId({ tenantId, timelineId });
    if (key === formatTenantTimelineId(id)) return;
    const known = this.pathsById.get(key);
    if (known !== undefined) known.paths.push(path);
    else if (this.pathsById.size < limits.inspectFindingsMax) {
      this.pathsById.set(key, { id: { tenantId, timelineId }, paths: [path] });
    }
  }

  /** Those that are there under their own name, too, or more than once. */
  async twins(files: FileSystem, dataDirectory: string): Promise<DirectoryFinding[]> {
    const findings: DirectoryFinding[] = [];
    for (const { id, paths } of this.pathsById.values()) {
      const own = join(dataDirectory, id.tenantId, id.timelineId);
      const all = (await files.status(own)) === undefined ? paths : [own, ...paths];
      if (all.length > 1) findings.push({ kind: 'SameTimelineTwice', id, paths: all });
    }
    return findings;
  }
}

async function inspectSafekeeperId(
  files: FileSystem,
  dataDirectory: string,
  findings: Findings<DirectoryFinding>,
): Promise<SafekeeperId | undefined> {
  const path = join(dataDirectory, SAFEKEEPER_ID_FILE_NAME);
  const status = await files.status(path);
  if (status === undefined) {
    findings.add({ kind: 'SafekeeperIdMissing' });
    return undefined;
  }
  const isText = status.kind === 'File' && status.sizeBytes <= SAFEKEEPER_ID_BYTES_MAX;
  try {
    const content = isText ? await readSmallFile(files, path, SAFEKEEPER_ID_BYTES_MAX) : undefined;
    const id = content && parseSafekeeperId(Buffer.from(content).toString('latin1'));
    if (id === undefined) findings.add({ kind: 'SafekeeperIdInvalid' });
    return id;
  } catch (error) {
    findings.add({ kind: 'Unreadable', path, problem: describeError(error) });
    return undefined;
  }
}

async function listTimelines(
  files: FileSystem,
  path: string,
  tenantId: TenantId,
  findings: Findings<DirectoryFinding>,
): Promise<TenantTimelineId[]> {
  const ids: TenantTimelineId[] = [];
  for (const entry of await listOrReport(files, path, findings)) {
    const isTimeline = isCanonicalId(entry.name) && entry.kind === 'Directory';
    const timelineId = isTimeline ? parseTimelineId(entry.name) : undefined;
    if (timelineId === undefined) findings.add(foreign(join(path, entry.name), entry));
    else ids.push({ tenantId, timelineId });
  }
  return ids;
}

/** An entry of the data directory that is no tenant. */
async function inspectOther(
  files: FileSystem,
  dataDirectory: string,
  entry: DirectoryEntry,
  findings: Findings<DirectoryFinding>,
): Promise<void> {
  const path = join(dataDirectory, entry.name);
  if (!KNOWN_NAMES.has(entry.name)) {
    findings.add(foreign(path, entry));
    return;
  }
  if (entry.kind !== 'Directory') return;
  if (entry.name === TEMP_DIRECTORY_NAME) {
    for (const left of await listOrReport(files, path, findings)) {
      const isLeftover = left.name.endsWith(TEMP_SUFFIX);
      findings.add({ kind: isLeftover ? 'LeftoverTemp' : 'ForeignEntry', path: join(path, left.name) });
    }
  } else if (entry.name === QUARANTINE_DIRECTORY_NAME) {
    for (const { name } of await listOrReport(files, path, findings)) {
      findings.add({ kind: 'Quarantined', path: join(path, name) });
    }
  }
}

async function listOrReport(
  files: FileSystem,
  path: string,
  findings: Findings<DirectoryFinding>,
): Promise<DirectoryEntry[]> {
  try {
    return sorted(await files.list(path));
  } catch (error) {
    findings.add({ kind: 'Unreadable', path, problem: describeError(error) });
    return [];
  }
}

function foreign(path: string, { name, kind }: DirectoryEntry): DirectoryFinding {
  const isId = kind === 'Directory' && parseTenantId(name) !== undefined;
  return { kind: isId ? 'NameNotCanonical' : 'ForeignEntry', path };
}

function sorted(entries: readonly DirectoryEntry[]): DirectoryEntry[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}
