import type { FileSystem } from '../disk/file-system.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import { formatLsn, type Lsn, maxLsn } from '../domain/lsn.ts';
import type { Generation, Membership } from '../domain/membership.ts';
import { lastLogTerm, maxTerm, type Term } from '../domain/term.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { ControlFile, ServerInfo } from '../safekeeper/control-file.ts';
import { encodeControlFile } from '../safekeeper/control-file-codec.ts';
import { isBehindEnd, isHorizonUnknown, requiredSegments } from '../safekeeper/timeline-wal.ts';
import { segmentStart } from '../safekeeper/wal-segment.ts';
import type { SegmentRange } from '../safekeeper/wal-segment.ts';
import type { ReceivedSnapshot } from './receive.ts';
import { donorGenerationConflict, invalidSnapshot } from './transfer-failure.ts';
import { takeOver } from './uploaded-segment.ts';
import { findWalEndOnDisk } from './wal-on-disk.ts';

/** What a donor says of its timeline: its snapshot must hold at least this. */
export interface SnapshotClaims {
  readonly id: TenantTimelineId;
  /** Who says it, for messages. */
  readonly donor: string;
  readonly server: ServerInfo;
  readonly flushLsn: Lsn;
  readonly lastLogTerm: Term;
}

/** What a snapshot has to live up to, to be installed. */
export interface SnapshotPromise extends SnapshotClaims {
  /** Whom it is for. */
  readonly recipient: SafekeeperId;
  /** Where the recipient keeps what is not on its disk, if that is known. */
  readonly remoteStorage: RemoteStorage | undefined;
  /** The replica comes back with at least this term: the highest that any member was seen to have voted in (rule R3). */
  readonly termFloor: Term;
  /** The configuration to install; undefined keeps the donor's. */
  readonly membership: Membership | undefined;
}

/** What a snapshot holds, wherever its segments are. */
export interface SnapshotContent {
  readonly controlFile: ControlFile;
  readonly segments: SegmentRange | undefined;
}

/** A snapshot that may be installed. */
export interface ValidatedTimeline {
  /** To be written: the donor's, with the term floor, the configuration of the request and the recipient's own uploads. */
  readonly controlFile: ControlFile;
  readonly controlFileBytes: Uint8Array;
  readonly flushLsn: Lsn;
}

/**
 * Proves that the received files are the promised timeline, whole. Failures: `InvalidSnapshot` for a wrong or incomplete
 * one, `GenerationConflict` when the donor has a newer configuration than the request, and those of remote storage.
 */
export async function validate(
  files: FileSystem,
  directory: string,
  received: ReceivedSnapshot,
  promise: SnapshotPromise,
  signal: AbortSignal,
): Promise<ValidatedTimeline> {
  checkIdentity(received.controlFile, promise);
  const flushLsn = await findWalEndOnDisk(files, directory, received.controlFile, signal);
  return await validateContent(received, flushLsn, promise, signal);
}

/** The same when the end of the WAL, `flushLsn`, has been found already. */
export async function validateContent(
  received: ReceivedSnapshot,
  flushLsn: Lsn,
  promise: SnapshotPromise,
  signal: AbortSignal,
): Promise<ValidatedTimeline> {
  const { id, membership, donor } = promise;
  requireGeneration(id, membership, received.controlFile.membership.generation, donor);
  checkContent(received, flushLsn, promise);
  const own = await takeOver(received.controlFile, promise.recipient, promise.remoteStorage, signal);
  const controlFile = restoreVotes(own, promise);
  // Unchanged bytes stay the donor's own, whatever version of the format they are in.
  const controlFileBytes =
    controlFile === received.controlFile ? received.controlFileBytes : encodeControlFile(controlFile);
  return { controlFile, controlFileBytes, flushLsn };
}

/** Proves that a snapshot whose WAL ends at `flushLsn` holds what its donor claims. Throws a Failure `InvalidSnapshot`. */
export function checkContent(content: SnapshotContent, flushLsn: Lsn, claims: SnapshotClaims): void {
  checkIdentity(content.controlFile, claims);
  checkPosition(content.controlFile, flushLsn, claims);
  checkSegments(content, flushLsn, maxLsn(claims.flushLsn, content.controlFile.commitLsn));
}

/** Throws a Failure `InvalidSnapshot` when it is another timeline, or of another cluster. */
export function checkIdentity(controlFile: ControlFile, { id, server }: SnapshotClaims): void {
  if (controlFile.tenantId !== id.tenantId || controlFile.timelineId !== id.timelineId) {
    throw invalidSnapshot(`it is of timeline ${formatTenantTimelineId(controlFile)}`);
  }
  const actual = controlFile.server;
  if (actual.walSegmentSize !== server.walSegmentSize) {
    throw invalidSnapshot(
      `its segment size is ${actual.walSegmentSize}, the donor's status said ${server.walSegmentSize}`,
    );
  }
  if (actual.pgVersion !== server.pgVersion) {
    throw invalidSnapshot(`its pg_version is ${actual.pgVersion}, the donor's status said ${server.pgVersion}`);
  }
  if (actual.systemId !== server.systemId) {
    throw invalidSnapshot(`its system_id is ${actual.systemId}, the donor's status said ${server.systemId}`);
  }
}

function checkPosition(controlFile: ControlFile, flushLsn: Lsn, promise: SnapshotClaims): void {
  if (flushLsn < promise.flushLsn) {
    const promised = formatLsn(promise.flushLsn);
    throw invalidSnapshot(
      `its WAL ends at ${formatLsn(flushLsn)}, before ${promised} which the donor's status promised`,
    );
  }
  const term = lastLogTerm(controlFile.termHistory, flushLsn);
  if (term < promise.lastLogTerm) {
    throw invalidSnapshot(
      `its last_log_term is ${term}, below ${promise.lastLogTerm} which the donor's status promised`,
    );
  }
}

/**
 * The segments are consecutive and begin where they must; here they are shown to reach `requiredLsn`, and no further
 * than the WAL. The WAL end alone does not show it: with segments missing it is commit_lsn.
 */
function checkSegments({ controlFile, segments }: SnapshotContent, flushLsn: Lsn, requiredLsn: Lsn): void {
  if (controlFile.eviction.kind === 'Offloaded') return;
  const { walSegmentSize } = controlFile.server;
  if (isHorizonUnknown(controlFile, requiredLsn)) {
    throw invalidSnapshot(
      `it carries no WAL, because remote_consistent_lsn or backup_lsn is 0, though there is WAL up to ${formatLsn(requiredLsn)}`,
    );
  }
  const required = requiredSegments(controlFile, requiredLsn);
  if (required !== undefined && (segments === undefined || segments.last < required.last)) {
    const missing = segmentStart(required.last, walSegmentSize);
    throw invalidSnapshot(`the segment of ${formatLsn(missing)} is missing`);
  }
  // A donor whose WAL ends on a segment boundary may send the next, still empty segment.
  if (segments !== undefined && isBehindEnd(segments, flushLsn, walSegmentSize)) {
    throw invalidSnapshot(`its WAL ends at ${formatLsn(flushLsn)}, before its last segment`);
  }
}

/** The same object when nothing has to change. */
function restoreVotes(controlFile: ControlFile, promise: SnapshotPromise): ControlFile {
  const { membership, termFloor } = promise;
  const isNewer = membership !== undefined && membership.generation > controlFile.membership.generation;
  if (!isNewer && controlFile.term >= termFloor) return controlFile;
  return {
    ...controlFile,
    term: maxTerm(controlFile.term, termFloor),
    membership: isNewer ? membership : controlFile.membership,
  };
}

/** Throws a Failure `GenerationConflict` when `found` is newer than the requested configuration. */
export function requireGeneration(
  id: TenantTimelineId,
  requested: Membership | undefined,
  found: Generation,
  host: string,
): void {
  if (requested === undefined || found <= requested.generation) return;
  throw donorGenerationConflict(id, requested.generation, found, host);
}
