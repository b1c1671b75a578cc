import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { formatTenantTimelineId } from '../domain/ids.ts';
import type { Term } from '../domain/term.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { segmentCount, type SegmentRange, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';
import type { Timeline } from './timeline.ts';

/** What a snapshot consists of, fixed at its start. */
export interface SnapshotContext {
  readonly timeline: Timeline;
  /** As it is sent. */
  readonly controlFile: ControlFile;
  /** Undefined: only the control file is sent. */
  readonly segments: SegmentRange | undefined;
  readonly term: Term;
  readonly lastLogTerm: Term;
}

/**
 * Takes the state to be sent, under the timeline's lock. Throws a Failure `RemoteStorageNotConfigured` when a part of the
 * WAL lies in remote storage under this safekeeper's name: the recipient would need a copy under its own.
 */
export async function startSnapshot(timeline: Timeline, signal: AbortSignal): Promise<SnapshotContext> {
  using _lock = await timeline.lock(signal);
  const { controlFile, flushLsn, lastLogTerm } = timeline;
  const isUploaded = controlFile.partialBackup.some((segment) => segment.status === 'Uploaded');
  if (isUploaded || controlFile.eviction.kind === 'Offloaded') {
    throw new Failure('RemoteStorageNotConfigured', 'remote storage not configured', { retry: 'after-change' });
  }
  const { remoteConsistentLsn, backupLsn, server } = controlFile;
  const { walSegmentSize } = server;
  const segments = snapshotSegmentRange({ remoteConsistentLsn, backupLsn, flushLsn, walSegmentSize });
  return { timeline, controlFile, segments, term: controlFile.term, lastLogTerm };
}

/** Throws a Failure `TooManySegments` for a timeline that is too long to be copied whole. */
export function requireBoundedSegments(segments: SegmentRange | undefined): void {
  const count = segments === undefined ? 0n : segmentCount(segments);
  if (count <= BigInt(limits.snapshotSegmentCountMax)) return;
  throw new Failure(
    'TooManySegments',
    `snapshot is called on timeline with ${count} segments, but the limit is ${limits.snapshotSegmentCountMax}`,
    { retry: 'after-change' },
  );
}

/**
 * Throws a Failure `TermChanged` when the terms are not those of the start: what was sent could mix WAL of two
 * histories. WAL that was only appended meanwhile does no harm.
 */
export function finishSnapshot(context: SnapshotContext): void {
  const { timeline } = context;
  const { term } = timeline.controlFile;
  if (term === context.term && timeline.lastLogTerm === context.lastLogTerm) return;
  throw new Failure(
    'TermChanged',
    `term(s) of ${formatTenantTimelineId(timeline.id)} changed during snapshot: were term=${context.term}, ` +
      `last_log_term=${context.lastLogTerm}, now term=${term}, last_log_term=${timeline.lastLogTerm}`,
  );
}
