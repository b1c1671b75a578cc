import { dirname, join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { moveDirectory } from '../disk/durable.ts';
import { parseTimelineId, type TenantId, type TenantTimelineId, type TimelineId } from '../domain/ids.ts';
import { type Generation, isMember, type Membership } from '../domain/membership.ts';
import type { TimelineMap } from './timeline-map.ts';
import { describeMembership, generationConflict, timelineDeleted } from './transfer-failure.ts';

export interface DeleteOutcome {
  /** Whether there was anything on disk. */
  readonly dirExisted: boolean;
}

/**
 * Deletes the local copy and leaves a tombstone, also of a timeline that is not here. The directory disappears from
 * its live place in one durable rename before its files are removed. Nothing in remote storage is touched.
 */
export function deleteTimeline(map: TimelineMap, id: TenantTimelineId, signal: AbortSignal): Promise<DeleteOutcome> {
  return remove(map, id, undefined, signal);
}

/** The same for all timelines of a tenant, loaded or not; the tombstone is of the whole tenant. */
export async function deleteTenant(
  map: TimelineMap,
  tenantId: TenantId,
  signal: AbortSignal,
): Promise<Map<TimelineId, DeleteOutcome>> {
  const outcomes = new Map<TimelineId, DeleteOutcome>();
  for (const timelineId of await buryTenant(map, tenantId, signal)) {
    outcomes.set(timelineId, await remove(map, { tenantId, timelineId }, undefined, signal));
  }
  return outcomes;
}

/** Leaves the tenant's tombstone and tells which of its timelines are on disk. */
function buryTenant(map: TimelineMap, tenantId: TenantId, signal: AbortSignal): Promise<TimelineId[]> {
  return explainDiskFailures('the tenant cannot be deleted', async () => {
    await map.tombstones.addTenant(tenantId, signal);
    const directory = join(map.dataDirectory, tenantId);
    if ((await map.files.status(directory))?.kind !== 'Directory') return [];
    const names = (await map.files.list(directory)).map(({ name }) => parseTimelineId(name));
    return names.filter((timelineId) => timelineId !== undefined);
  });
}

/**
 * Deletes the local copy because `membership` no longer contains this safekeeper; only a higher generation brings it
 * back. Throws a Failure `MembershipForbidden` or `GenerationConflict`.
 */
export async function excludeTimeline(
  map: TimelineMap,
  id: TenantTimelineId,
  membership: Membership,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  const wanted = describeMembership(membership);
  if (isMember(membership, map.safekeeperId)) {
    throw membershipForbidden(`refused to exclude timeline with ${wanted}, node ${map.safekeeperId} is member of it`);
  }
  const lookup = map.find(id);
  if (lookup.kind === 'Present') {
    const current = lookup.timeline.controlFile.membership;
    if (membership.generation < current.generation) {
      throw generationConflict(
        `refused to switch into excluding mconf ${wanted}, current: ${describeMembership(current)}`,
      );
    }
  }
  return await remove(map, id, membership.generation, signal);
}

/** Throws a Failure `MembershipForbidden` when this safekeeper is not a member of the configuration it shall switch to. */
export function requireMembership(map: TimelineMap, membership: Membership): void {
  if (isMember(membership, map.safekeeperId)) return;
  const wanted = describeMembership(membership);
  throw membershipForbidden(`refused to switch into ${wanted}, node ${map.safekeeperId} is not a member of it`);
}

/** Throws a Failure `CreationInProgress`, `DeletionInProgress`, `TooManyTombstones`, `DiskFull` or `DiskFailed`. */
function remove(
  map: TimelineMap,
  id: TenantTimelineId,
  generation: Generation | undefined,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  return explainDiskFailures('the timeline cannot be deleted', () => removeNow(map, id, generation, signal));
}

async function removeNow(
  map: TimelineMap,
  id: TenantTimelineId,
  generation: Generation | undefined,
  signal: AbortSignal,
): Promise<DeleteOutcome> {
  using mark = map.markDeletion(id);
  await map.tombstones.add(id, generation, signal);
  mark.timeline?.cancel(timelineDeleted(id));
  // Whoever is just writing its control file finishes first.
  using _lock = await mark.timeline?.lock(signal);
  mark.unpublish();
  const directory = map.directoryOf(id);
  if ((await map.files.status(directory)) === undefined) return { dirExisted: false };
  await using temp = await map.createTempDirectory(id);
  await moveDirectory(map.files, directory, join(temp.path, id.timelineId), dirname(directory));
  return { dirExisted: true };
}

function membershipForbidden(message: string): Failure {
  return new Failure('MembershipForbidden', message, { retry: 'after-change' });
}
