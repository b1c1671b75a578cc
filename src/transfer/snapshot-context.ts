import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { formatTenantTimelineId, type SafekeeperId } from '../domain/ids.ts';
import type { Term } from '../domain/term.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { segmentCount, type SegmentRange, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';
import type { Timeline } from './timeline.ts';
import { handOver, type ObjectCopy } from './uploaded-segment.ts';

/** Between whom a snapshot passes. */
export interface SnapshotParties {
  /** Whose timeline it is. */
  readonly source: SafekeeperId;
  readonly destination: SafekeeperId;
  /** Where both keep what is not on their disks; undefined when this safekeeper does not know it. */
  readonly remoteStorage: RemoteStorage | undefined;
  /** The destination is the source itself, on another disk: what it has in remote storage is its own already. */
  readonly keepsItsOwn?: boolean;
}

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
 * Takes the state to be sent, under the timeline's lock. A part of the WAL that lies in remote storage under the source's
 * name is then copied to the destination's, without the lock: it may take a while, and what is sent is true whatever
 * happens to the timeline meanwhile. Failures: `RemoteStorageNotConfigured`, those of {@link handOver} and of the copy.
 */
export async function startSnapshot(
  timeline: Timeline,
  parties: SnapshotParties,
  signal: AbortSignal,
): Promise<SnapshotContext> {
  const { copy, ...context } = await takeState(timeline, parties, signal);
  if (copy !== undefined) {
    if (parties.remoteStorage === undefined) throw remoteStorageNotConfigured();
    await parties.remoteStorage.copy(copy.from, copy.to, signal);
    timeline.cancelled.throwIfAborted();
  }
  return context;
}

async function takeState(
  timeline: Timeline,
  { source, destination, remoteStorage, keepsItsOwn = false }: SnapshotParties,
  signal: AbortSignal,
): Promise<SnapshotContext & { readonly copy: ObjectCopy | undefined }> {
  using _lock = await timeline.lock(signal);
  const { flushLsn, lastLogTerm } = timeline;
  const { eviction, remoteConsistentLsn, backupLsn, server, term } = timeline.controlFile;
  const isOffloaded = eviction.kind === 'Offloaded';
  if (isOffloaded && remoteStorage === undefined && !keepsItsOwn) throw remoteStorageNotConfigured();
  const { walSegmentSize } = server;
  const range = snapshotSegmentRange({ remoteConsistentLsn, backupLsn, flushLsn, walSegmentSize });
  const segments = isOffloaded ? undefined : range;
  const handedOver = handOver(timeline.controlFile, source, destination, keepsItsOwn);
  return { timeline, segments, term, lastLogTerm, ...handedOver };
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
 * histories. WAL that was only appended meanwhile does no harm. An offloaded timeline that was brought back meanwhile is
 * a Failure `TimelineUnevicted`: its WAL may go on where the sent control file says that it ends.
 */
export function finishSnapshot(context: SnapshotContext): void {
  const { timeline } = context;
  const { term, eviction } = timeline.controlFile;
  if (context.controlFile.eviction.kind === 'Offloaded' && eviction.kind !== 'Offloaded') {
    const what = `${formatTenantTimelineId(timeline.id)} was un-evicted during snapshot`;
    throw new Failure('TimelineUnevicted', `${what}: ask for it again`);
  }
  if (term === context.term && timeline.lastLogTerm === context.lastLogTerm) return;
  throw new Failure(
    'TermChanged',
    `term(s) of ${formatTenantTimelineId(timeline.id)} changed during snapshot: were term=${context.term}, ` +
      `last_log_term=${context.lastLogTerm}, now term=${term}, last_log_term=${timeline.lastLogTerm}`,
  );
}

function remoteStorageNotConfigured(): Failure {
  return new Failure('RemoteStorageNotConfigured', 'remote storage not configured', { retry: 'after-change' });
}
