import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { writeFileDurably } from '../disk/durable.ts';
import type { TempDirectory } from '../disk/temp-directory.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import { INVALID_LSN, type Lsn } from '../domain/lsn.ts';
import { INITIAL_TERM, lastLogTerm, type Term } from '../domain/term.ts';
import { CONTROL_FILE_NAME } from '../safekeeper/control-file-codec.ts';
import { isWalSegmentSize } from '../safekeeper/wal-segment.ts';
import { SyncQueue } from './file-writer.ts';
import { install } from './install.ts';
import { type OpenedArchive, type ReceivedSnapshot, receiveSegments } from './receive.ts';
import type { Timeline } from './timeline.ts';
import type { TimelineMap } from './timeline-map.ts';
import { invalidSnapshot, timelineDeleted, timelineNotLoaded } from './transfer-failure.ts';
import type { TransferMeter } from './transfer-progress.ts';
import { checkContent, type SnapshotPromise, validateContent } from './validate.ts';
import type { BodyWatch } from './watched-body.ts';
import { findWalEndOnDisk } from './wal-on-disk.ts';

export interface StageOptions extends BodyWatch {
  readonly meter: TransferMeter;
}

/**
 * An archive's content in a temp directory of the data directory that it is meant for: whole, durable, and without a control
 * file. Disposing it removes the directory unless the timeline was installed.
 */
export interface StagedArchive extends AsyncDisposable {
  readonly id: TenantTimelineId;
  readonly received: ReceivedSnapshot;
  /** Where its log ends: what has to be compared with others before it may be installed. */
  readonly flushLsn: Lsn;
  readonly lastLogTerm: Term;
  readonly directory: TempDirectory;
}

/**
 * Unpacks an archive and proves that it is whole; that it is not too old only others can tell. Failures: those of
 * {@link requireAbsent}, `InvalidSnapshot`, those of the body, `DiskFull`, `DiskFailed`, or the signal's reason.
 */
export async function stageArchive(
  map: TimelineMap,
  opened: OpenedArchive,
  options: StageOptions,
  signal: AbortSignal,
): Promise<StagedArchive> {
  const { tenantId, timelineId } = opened.controlFile;
  const id = { tenantId, timelineId };
  return await explainDiskFailures('the archive cannot be unpacked', async () => {
    await requireAbsent(map, id);
    const directory = await map.createTempDirectory(id);
    try {
      return {
        id,
        directory,
        ...(await unpack(map, opened, directory.path, options, signal)),
        ...disposedWith(directory),
      };
    } catch (error) {
      await directory[Symbol.asyncDispose]();
      throw error;
    }
  });
}

async function unpack(
  { files, memory }: TimelineMap,
  opened: OpenedArchive,
  path: string,
  options: StageOptions,
  signal: AbortSignal,
): Promise<Pick<StagedArchive, 'received' | 'flushLsn' | 'lastLogTerm'>> {
  const { controlFile } = opened;
  const { server, commitLsn, termHistory, tenantId, timelineId } = controlFile;
  if (commitLsn !== INVALID_LSN && !isWalSegmentSize(server.walSegmentSize)) {
    throw invalidSnapshot(`${server.walSegmentSize} is not a segment size`);
  }
  // The last segments become durable while they are being read.
  await using syncs = new SyncQueue();
  const received = await receiveSegments(opened, path, { ...options, files, memory, syncs }, signal);
  const flushLsn = await findWalEndOnDisk(files, path, controlFile, signal);
  const claims = { id: { tenantId, timelineId }, donor: 'the archive', server, flushLsn, lastLogTerm: INITIAL_TERM };
  checkContent(received, flushLsn, claims);
  await syncs.drain();
  return { received, flushLsn, lastLogTerm: lastLogTerm(termHistory, flushLsn) };
}

function disposedWith(directory: TempDirectory): AsyncDisposable {
  return { [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

/**
 * Completes what was staged as the promise says (term, configuration, what is in remote storage) and moves it to its live
 * place. The promise must be one that the peers have just confirmed. Failures: those of {@link validateContent} and
 * {@link requireAbsent}, `DiskFull`, `DiskFailed`, or the signal's reason; the data directory is then as it was.
 */
export async function installStaged(
  map: TimelineMap,
  staged: StagedArchive,
  promise: SnapshotPromise,
  signal: AbortSignal,
): Promise<Timeline> {
  const { id, directory, received, flushLsn } = staged;
  const { controlFile, controlFileBytes } = await validateContent(received, flushLsn, promise, signal);
  return await explainDiskFailures('the timeline cannot be installed', async () => {
    await writeFileDurably(map.files, join(directory.path, CONTROL_FILE_NAME), controlFileBytes);
    signal.throwIfAborted();
    await requireAbsent(map, id);
    const claim = map.markCreation(id, { generation: promise.membership?.generation, ignore: false });
    if (claim.kind === 'AlreadyExists') throw timelineExists(map, id);
    using mark = claim.mark;
    const timeline = await install(map, mark, { path: directory.path, controlFile, flushLsn });
    directory.release();
    return timeline;
  });
}

/**
 * Nothing is ever overwritten, and what was deleted stays deleted: throws a Failure `TimelineExists`, `TimelineNotLoaded` or
 * `TimelineDeleted`.
 */
export async function requireAbsent(map: TimelineMap, id: TenantTimelineId): Promise<void> {
  const lookup = map.find(id);
  if (lookup.kind === 'Present') throw timelineExists(map, id);
  if (lookup.kind === 'Deleted') throw timelineDeleted(id);
  if ((await map.files.status(map.directoryOf(id))) !== undefined) throw timelineNotLoaded(id);
}

function timelineExists({ dataDirectory }: TimelineMap, id: TenantTimelineId): Failure {
  const problem = `${dataDirectory} has timeline ${formatTenantTimelineId(id)} already: nothing is overwritten`;
  return new Failure('TimelineExists', problem, { retry: 'after-change' });
}
