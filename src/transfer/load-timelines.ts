import { join } from 'node:path';
import { mapBounded } from '../base/concurrency.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { readSmallFile } from '../disk/durable.ts';
import type { FileSystem } from '../disk/file-system.ts';
import {
  formatTenantTimelineId,
  isCanonicalId,
  parseTenantId,
  parseTimelineId,
  type TenantTimelineId,
} from '../domain/ids.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile } from '../safekeeper/control-file-codec.ts';
import { Timeline } from './timeline.ts';
import { findWalEndOnDisk } from './wal-on-disk.ts';

/** A timeline directory that could not be loaded, and why. */
export interface UnloadedTimeline {
  readonly id: TenantTimelineId;
  readonly problem: string;
}

export interface LoadedTimelines {
  readonly loaded: readonly Timeline[];
  readonly unloaded: readonly UnloadedTimeline[];
}

/**
 * Makes durable which timelines there are. The names that a process which was killed changed last are seen already, but
 * may not be on the disk yet: what is built on them (an answer that a timeline exists, the removal of a deleted one's
 * files) must not outlive them. Throws a Failure `DataDirectoryMissing`.
 */
export async function syncNames(files: FileSystem, dataDirectory: string): Promise<void> {
  const tenants = await listTenantDirectories(files, dataDirectory);
  await files.syncDirectory(dataDirectory);
  for (const tenant of tenants) await files.syncDirectory(join(dataDirectory, tenant));
}

/**
 * Loads `<data>/<tenant>/<timeline>`; entries whose names are not ids, and files where a directory should be, are ignored
 * as safekeepers do. Throws a Failure `DataDirectoryMissing` when there is no such directory.
 */
export async function loadTimelines(
  files: FileSystem,
  dataDirectory: string,
  log: Logger,
  signal: AbortSignal,
): Promise<LoadedTimelines> {
  const ids = await listTimelineDirectories(files, dataDirectory);
  const unloaded: UnloadedTimeline[] = [];
  const loaded = await mapBounded(ids, limits.timelineLoadConcurrencyMax, async (id) => {
    signal.throwIfAborted();
    try {
      return await loadTimeline(files, dataDirectory, id, signal);
    } catch (error) {
      signal.throwIfAborted();
      const problem = describeError(error);
      log.error({ tenant: id.tenantId, timeline: id.timelineId, problem }, 'a timeline directory cannot be loaded');
      unloaded.push({ id, problem });
      return undefined;
    }
  });
  return { loaded: loaded.filter((timeline) => timeline !== undefined), unloaded };
}

/** Loads one timeline from its live directory. Throws a Failure that says what is wrong with it. */
export async function loadTimeline(
  files: FileSystem,
  dataDirectory: string,
  id: TenantTimelineId,
  signal: AbortSignal,
): Promise<Timeline> {
  const directory = join(dataDirectory, id.tenantId, id.timelineId);
  // A rename of the control file, for the reason that syncNames gives.
  await files.syncDirectory(directory);
  const controlFile = await readControlFile(files, directory);
  if (controlFile.tenantId !== id.tenantId || controlFile.timelineId !== id.timelineId) {
    const other = formatTenantTimelineId(controlFile);
    throw new Failure('ControlFileInvalid', `the control file is of timeline ${other}`, { retry: 'after-change' });
  }
  const flushLsn = await findWalEndOnDisk(files, directory, controlFile, signal);
  return new Timeline({ files, directory, controlFile, flushLsn });
}

async function readControlFile(files: FileSystem, directory: string): Promise<ControlFile> {
  const bytes = await readSmallFile(files, join(directory, CONTROL_FILE_NAME), limits.controlFileBytesMax);
  if (bytes === undefined) {
    throw new Failure('ControlFileInvalid', 'there is no control file', { retry: 'after-change' });
  }
  return decodeControlFile(bytes);
}

async function listTenantDirectories(files: FileSystem, dataDirectory: string): Promise<string[]> {
  if ((await files.status(dataDirectory))?.kind !== 'Directory') {
    throw new Failure('DataDirectoryMissing', `the data directory ${dataDirectory} does not exist`, {
      retry: 'after-change',
    });
  }
  return await listIdDirectories(files, dataDirectory);
}

async function listTimelineDirectories(files: FileSystem, dataDirectory: string): Promise<TenantTimelineId[]> {
  const ids: TenantTimelineId[] = [];
  for (const tenant of await listTenantDirectories(files, dataDirectory)) {
    for (const timeline of await listIdDirectories(files, join(dataDirectory, tenant))) {
      const tenantId = parseTenantId(tenant);
      const timelineId = parseTimelineId(timeline);
      if (tenantId !== undefined && timelineId !== undefined) ids.push({ tenantId, timelineId });
    }
  }
  return ids;
}

async function listIdDirectories(files: FileSystem, path: string): Promise<string[]> {
  const entries = await files.list(path);
  return entries.filter((entry) => entry.kind === 'Directory' && isCanonicalId(entry.name)).map((entry) => entry.name);
}
