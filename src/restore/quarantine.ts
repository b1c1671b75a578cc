import { dirname, join } from 'node:path';
import { limits } from '../base/limits.ts';
import { QUARANTINE_DIRECTORY_NAME } from '../disk/data-directory.ts';
import { ensureDirectory, moveDirectory, readSmallFile } from '../disk/durable.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import { INITIAL_TERM, maxTerm, type Term } from '../domain/term.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile } from '../safekeeper/control-file-codec.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';

const NAME = /^[0-9a-f]{32}_[0-9a-f]{32}_[0-9]+$/;

/**
 * Moves a timeline's live directory to `<data>/quarantine/<tenant>_<timeline>_<ms since epoch>`, durably, and returns that
 * path: nobody finds the timeline from here on. A crash leaves the directory in one of the two places. Throws the file
 * system's errors, or a Failure of a timeline that is just being created or removed.
 */
export async function setAside(map: TimelineMap, id: TenantTimelineId): Promise<string> {
  const parent = join(map.dataDirectory, QUARANTINE_DIRECTORY_NAME);
  await ensureDirectory(map.files, parent);
  using mark = map.markDeletion(id);
  const from = map.directoryOf(id);
  const to = join(parent, `${id.tenantId}_${id.timelineId}_${map.clock.wallTimeMs().toFixed(0)}`);
  mark.unpublish();
  await moveDirectory(map.files, from, to, parent);
  await map.files.syncDirectory(dirname(from));
  return to;
}

/**
 * What replicas that were set aside have voted in, the highest term by `tenant/timeline`: a restore that was broken off before
 * the new replica was there must not forget it (rule R3). One whose control file cannot be read tells nothing.
 */
export async function readQuarantinedTerms(files: FileSystem, dataDirectory: string): Promise<Map<string, Term>> {
  const parent = join(dataDirectory, QUARANTINE_DIRECTORY_NAME);
  const terms = new Map<string, Term>();
  if ((await files.status(parent))?.kind !== 'Directory') return terms;
  for (const { name } of await files.list(parent)) {
    if (!NAME.test(name)) continue;
    const path = join(parent, name, CONTROL_FILE_NAME);
    const bytes = await readSmallFile(files, path, limits.controlFileBytesMax).catch(() => undefined);
    const controlFile = bytes && tryDecode(bytes);
    if (controlFile === undefined) continue;
    const key = formatTenantTimelineId(controlFile);
    terms.set(key, maxTerm(terms.get(key) ?? INITIAL_TERM, controlFile.term));
  }
  return terms;
}

function tryDecode(bytes: Uint8Array): ControlFile | undefined {
  try {
    return decodeControlFile(bytes);
  } catch {
    return undefined;
  }
}
