import { Failure } from '../base/failure.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import type { Generation, Membership } from '../domain/membership.ts';

/**
 * The failures that a safekeeper's HTTP API tells apart, with the words that real safekeepers use. A reason that is not
 * listed here is a 500 with the failure's message.
 */
export const TRANSFER_STATUS_BY_REASON = {
  /** `NotFound: <message>`. */
  TimelineNotFound: 404,
  /** `Conflict: <message>`. */
  TimelineDeleted: 409,
  /** `Conflict: <message>`. */
  CreationConflict: 409,
  /** `Conflict: <message>`. */
  GenerationConflict: 409,
  /** `Forbidden: <message>`. */
  MembershipForbidden: 403,
  /** The message in quotes. */
  NotAMember: 400,
} as const;

export function timelineNotFound(id: TenantTimelineId): Failure {
  return new Failure('TimelineNotFound', `timeline ${formatTenantTimelineId(id)} not found`, { retry: 'after-change' });
}

/** A read of a timeline that has a tombstone. */
export function timelineNotFoundDeleted(id: TenantTimelineId): Failure {
  return new Failure('TimelineNotFound', `timeline ${formatTenantTimelineId(id)} deleted`, { retry: 'never' });
}

/** A tombstone refuses an installation. */
export function timelineDeleted(id: TenantTimelineId): Failure {
  return new Failure('TimelineDeleted', `Timeline ${formatTenantTimelineId(id)} deleted`, { retry: 'never' });
}

/** Another creation or installation of the timeline has reached its last phase; it may still fail. */
export function creationInProgress(id: TenantTimelineId): Failure {
  return new Failure('CreationInProgress', `Timeline ${formatTenantTimelineId(id)} creation is in progress`);
}

/** The timeline is just being removed. */
export function deletionInProgress(id: TenantTimelineId): Failure {
  return new Failure('DeletionInProgress', `Timeline ${formatTenantTimelineId(id)} deletion is in progress`);
}

/** Something lies where the timeline's directory would be, and nobody may overwrite it. */
export function timelineNotLoaded(id: TenantTimelineId): Failure {
  return new Failure(
    'TimelineNotLoaded',
    `Timeline ${formatTenantTimelineId(id)} exists on disk, but wasn't loaded on startup`,
    { retry: 'after-change' },
  );
}

export function generationConflict(message: string): Failure {
  return new Failure('GenerationConflict', message, { retry: 'after-change' });
}

/** `cannot pull timeline with generation 4: …`: the donor knows a newer configuration than the request. */
export function donorGenerationConflict(
  id: TenantTimelineId,
  requested: Generation,
  found: Generation,
  host: string,
): Failure {
  return generationConflict(
    `cannot pull timeline with generation ${requested}: timeline ${id.timelineId} already exists with generation ${found} on ${host}`,
  );
}

/** A snapshot archive that is wrong or not whole. `problem` goes on behind "the snapshot is refused: ". */
export function invalidSnapshot(problem: string, cause?: unknown): Failure {
  return new Failure('InvalidSnapshot', `the snapshot is refused: ${problem}`, { cause });
}

/** A configuration as safekeepers write it in messages: `gen=5, members=([id=1, ep=host:5471]), new_members=none`. */
export function describeMembership(membership: Membership): string {
  const describe = (members: Membership['members']) =>
    `(${members.map((member) => `[id=${member.id}, ep=${member.host}:${member.pgPort}]`).join(', ')})`;
  const newMembers = membership.newMembers === null ? 'none' : describe(membership.newMembers);
  return `gen=${membership.generation}, members=${describe(membership.members)}, new_members=${newMembers}`;
}
