import { join } from 'node:path';
import { assertNever } from '../base/assert.ts';
import { describeError, Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import type { PeerClient } from '../safekeeper/peer-client.ts';
import { segmentCount, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';
import { donate } from './donate.ts';
import { loadTimeline } from './load-timelines.ts';
import { readSafekeeperId } from './safekeeper-identity.ts';
import type { TransferMemory } from './transfer-memory.ts';
import type { SnapshotClaims } from './validate.ts';
import type { SnapshotBody } from './watched-body.ts';
import { decodeZeroRuns, ZERO_RUNS } from './zero-runs.ts';

/** A snapshot that begins to come, and what its donor says of the timeline. Its body must be read or destroyed. */
export interface SnapshotSource {
  readonly claims: SnapshotClaims;
  readonly body: SnapshotBody;
  /** Of its files without tar headers; a little more when WAL is being written. */
  readonly sizeBytes: number;
  /** What an error of the body is, for people. */
  readonly explain: (cause: unknown) => unknown;
}

/**
 * Asks a safekeeper or an agent for a snapshot: its own id first, which may not be the recipient's (rule R14); then it
 * persists its state (rule R15), as far as it does for us, and says what it has. Failures: those of the client,
 * `SnapshotToItself`, `TimelineNotFound`, `StatusUnknown`.
 */
export async function requestSnapshot(
  client: PeerClient,
  id: TenantTimelineId,
  recipient: SafekeeperId,
  { memory, log }: { readonly memory: TransferMemory; readonly log: Logger },
  signal: AbortSignal,
): Promise<SnapshotSource> {
  const node = await client.nodeStatus(signal);
  if (node.id === recipient) {
    const problem = `${client.url} is safekeeper ${node.id} itself: a snapshot is for another safekeeper`;
    throw new Failure('SnapshotToItself', problem, { retry: 'never' });
  }
  await client.checkpoint(id, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    log.debug({ problem: describeError(error) }, 'the donor did not persist its state');
  });
  const status = await readStatus(client, id, signal);
  const { body, isCoded } = await client.snapshot(id, recipient, signal, ZERO_RUNS);
  return {
    claims: {
      id,
      donor: client.url,
      server: status.server,
      flushLsn: status.flushLsn,
      lastLogTerm: status.lastLogTerm,
    },
    body: isCoded ? decodeZeroRuns(body, memory.zeros) : body,
    sizeBytes: snapshotBytes(status),
    explain: (cause) => explainCut(client.url, status, cause),
  };
}

async function readStatus(client: PeerClient, id: TenantTimelineId, signal: AbortSignal): Promise<TimelineStatus> {
  const answer = await client.timelineStatus(id, signal);
  const failure = (reason: string, problem: string) =>
    new Failure(reason, `${client.url} ${problem}`, { retry: 'after-change' });
  switch (answer.kind) {
    case 'Status':
      return answer.status;
    case 'NotFound':
      throw failure('TimelineNotFound', `has no timeline ${formatTenantTimelineId(id)}`);
    case 'Deleted':
      throw failure('TimelineNotFound', `says that timeline ${formatTenantTimelineId(id)} was deleted`);
    case 'Unreachable':
    case 'Unknown':
      throw failure('StatusUnknown', `does not say what it has of the timeline: ${answer.problem}`);
    default:
      return assertNever(answer);
  }
}

/** A safekeeper looks for a segment that does not exist yet when its WAL ends exactly on a boundary. */
function explainCut(url: string, { flushLsn, server }: TimelineStatus, cause: unknown): Failure {
  const atBoundary = flushLsn > 0n && flushLsn % BigInt(server.walSegmentSize) === 0n;
  const hint = atBoundary
    ? '; its WAL ends exactly on a segment boundary, which safekeepers cannot send: write one more record (for example a checkpoint) on the compute'
    : '';
  return new Failure('SnapshotBroken', `${url} broke its snapshot off: ${describeError(cause)}${hint}`, { cause });
}

export interface DirectoryOptions {
  readonly files: FileSystem;
  readonly memory: TransferMemory;
  readonly remoteStorage: RemoteStorage | undefined;
}

/**
 * Opens a timeline of a data directory, whose pid lock must be held. Failures: those of `safekeeper.id`, of
 * {@link loadTimeline} and {@link donate}, and `TimelineNotFound`.
 */
export async function openDirectorySnapshot(
  dataDirectory: string,
  id: TenantTimelineId,
  recipient: SafekeeperId,
  { files, memory, remoteStorage }: DirectoryOptions,
  signal: AbortSignal,
): Promise<SnapshotSource> {
  const source = await readSafekeeperId(files, dataDirectory, undefined);
  const timeline = await explainDiskFailures('the timeline cannot be read', async () => {
    if ((await files.status(join(dataDirectory, id.tenantId, id.timelineId))) === undefined) {
      const problem = `${dataDirectory} has no timeline ${formatTenantTimelineId(id)}`;
      throw new Failure('TimelineNotFound', problem, { retry: 'after-change' });
    }
    return await loadTimeline(files, dataDirectory, id, signal);
  });
  const { flushLsn, lastLogTerm, controlFile } = timeline;
  const stop = new AbortController();
  const parties = { source, destination: recipient, remoteStorage, keepsItsOwn: source === recipient };
  const body = () =>
    donate(timeline, { ...parties, files, memory, meter: SILENT_METER }, AbortSignal.any([stop.signal, signal]));
  return {
    claims: { id, donor: dataDirectory, server: controlFile.server, flushLsn, lastLogTerm },
    body: { [Symbol.asyncIterator]: body, destroy: (error) => stop.abort(error) },
    sizeBytes: snapshotBytes({ ...controlFile, flushLsn }),
    explain: (cause) =>
      cause instanceof Failure
        ? cause
        : new Failure('DiskFailed', `the timeline cannot be read: ${describeError(cause)}`, { cause }),
  };
}

/** Who passes the snapshot on counts. */
const SILENT_METER = { expect: () => undefined, addBytes: () => undefined, addSegment: () => undefined };

function snapshotBytes(
  state: Pick<TimelineStatus, 'remoteConsistentLsn' | 'backupLsn' | 'server'> & { readonly flushLsn: Lsn },
): number {
  const { walSegmentSize } = state.server;
  const range = snapshotSegmentRange({ ...state, walSegmentSize });
  return range === undefined ? 0 : Number(segmentCount(range)) * walSegmentSize;
}
