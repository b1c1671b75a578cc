import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { TenantTimelineId } from '../domain/ids.ts';
import { isMember, type Membership } from '../domain/membership.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import { CONTROL_FILE_NAME } from '../safekeeper/control-file-codec.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import { segmentCount, snapshotSegmentRange } from '../safekeeper/wal-segment.ts';
import { chooseDonor, identifyPeers, termFloor } from './choose-donor.ts';
import { SyncQueue } from './file-writer.ts';
import { install } from './install.ts';
import { askHosts, awaitEveryHost, type Connect, type PeerStatus } from './peer-statuses.ts';
import { receive } from './receive.ts';
import type { TimelineMap, TombstoneRule } from './timeline-map.ts';
import { describeMembership, timelineDeleted, timelineNotLoaded } from './transfer-failure.ts';
import type { TransferRegistry } from './transfer-progress.ts';
import { requireGeneration, type SnapshotPromise, validate } from './validate.ts';
import { decodeZeroRuns, ZERO_RUNS } from './zero-runs.ts';

export interface PullRequest extends TenantTimelineId {
  /** Where the timeline may be had: with scheme, without trailing slash. */
  readonly httpHosts: readonly string[];
  /** The configuration to install; undefined keeps the donor's. */
  readonly membership: Membership | undefined;
  readonly ignoreTombstone: boolean;
}

/** The url of the donor as the request gave it; null when there was nothing to pull. */
export interface PullOutcome {
  readonly safekeeperHost: string | null;
}

export interface PullOptions {
  readonly connect: Connect;
  readonly transfers: TransferRegistry;
  /** Where this safekeeper keeps what is not on its disk; undefined when that is not known. */
  readonly remoteStorage: RemoteStorage | undefined;
  /** Longest wait for the donor's next byte. */
  readonly stallTimeoutMs: number;
  /** Set: ask until every host answers, for so long at most, instead of being content with all but one. */
  readonly waitForEveryPeerMs?: number;
}

/**
 * Restores a timeline from the most advanced of the hosts. Nothing is changed unless everything succeeds; the temp
 * directory is gone on every way out. Failures with the words of real safekeepers: `NotAMember`, `NotEnoughAnswers`,
 * `GenerationConflict`, `TimelineDeleted`, `TimelineNotLoaded`, `CreationConflict`, `SnapshotBroken`; and
 * `InvalidSnapshot`, `DonorStalled`, `PeersNotReady`, `NoDonor`, `DiskFull`, `DiskFailed`, those of remote storage, or the
 * signal's reason.
 */
export async function handlePullRequest(
  map: TimelineMap,
  request: PullRequest,
  options: PullOptions,
  signal: AbortSignal,
): Promise<PullOutcome> {
  try {
    return await explainDiskFailures('the timeline cannot be written', () =>
      pullUnlessThere(map, request, options, signal),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof Failure && error.reason === 'CreationInProgress' ? creationConflict() : error;
  }
}

async function pullUnlessThere(
  map: TimelineMap,
  request: PullRequest,
  options: PullOptions,
  signal: AbortSignal,
): Promise<PullOutcome> {
  const id = { tenantId: request.tenantId, timelineId: request.timelineId };
  const rule = { generation: request.membership?.generation, ignore: request.ignoreTombstone };
  requireMember(map, request.membership);
  const hasDirectory = (await map.files.status(map.directoryOf(id))) !== undefined;
  if (await alreadyExists(map, id, request.membership, signal)) return { safekeeperHost: null };
  refuseEarly(map, id, rule, hasDirectory);
  const statuses = await gatherStatuses(map, id, request, options, signal);
  if (statuses === undefined) return { safekeeperHost: null };
  for (const { status, host } of statuses) {
    requireGeneration(id, request.membership, status.membership.generation, host);
  }
  const donor = chooseDonor(await identifyPeers(statuses, map.safekeeperId, signal));
  const { flushLsn, lastLogTerm, server } = donor.status;
  const promise: SnapshotPromise = {
    id,
    donor: donor.host,
    recipient: map.safekeeperId,
    remoteStorage: options.remoteStorage,
    server,
    flushLsn,
    lastLogTerm,
    termFloor: termFloor(statuses),
    membership: request.membership,
  };
  return await pullFrom(map, donor, promise, rule, options, signal);
}

/**
 * A pull whose donor and promise the caller has decided on: temp directory, stream, validate, complete the directory and make
 * it durable, install. Failures as of {@link handlePullRequest}, but the disk's errors are the system's own.
 */
export async function pullFrom(
  map: TimelineMap,
  donor: PeerStatus,
  promise: SnapshotPromise,
  rule: TombstoneRule,
  options: Pick<PullOptions, 'transfers' | 'stallTimeoutMs'>,
  signal: AbortSignal,
): Promise<PullOutcome> {
  const { id } = promise;
  const { files, memory } = map;
  using transfer = options.transfers.begin('Pull', id, donor.host);
  transfer.meter.expect(expectedBytes(donor.status));
  await using temp = await map.createTempDirectory(id);
  const snapshot = await donor.client.snapshot(id, map.safekeeperId, signal, ZERO_RUNS);
  const body = snapshot.isCoded ? decodeZeroRuns(snapshot.body, memory.zeros) : snapshot.body;
  // The last segments become durable while they are being validated.
  await using syncs = new SyncQueue();
  const { meter } = transfer;
  const { stallTimeoutMs } = options;
  const received = await receive(body, temp.path, { files, memory, syncs, meter, stallTimeoutMs }, signal);
  const { controlFile, controlFileBytes, flushLsn } = await validate(files, temp.path, received, promise, signal);
  await addControlFile(files, temp.path, controlFileBytes, syncs, signal);
  await syncs.drain();
  await files.syncDirectory(temp.path);
  signal.throwIfAborted();
  const claim = map.markCreation(id, rule);
  if (claim.kind === 'AlreadyExists') return { safekeeperHost: null };
  using mark = claim.mark;
  await install(map, mark, { path: temp.path, controlFile, flushLsn });
  temp.release();
  return { safekeeperHost: donor.host };
}

/** Nobody looks at the directory before it is moved, so that the file needs no other name until it is whole. */
async function addControlFile(
  files: FileSystem,
  directory: string,
  content: Uint8Array,
  syncs: SyncQueue,
  signal: AbortSignal,
): Promise<void> {
  const file = await files.open(join(directory, CONTROL_FILE_NAME), 'Create');
  try {
    await file.writev([content], 0);
    await syncs.add(file, signal);
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

function requireMember(map: TimelineMap, membership: Membership | undefined): void {
  if (membership === undefined || isMember(membership, map.safekeeperId)) return;
  const wanted = describeMembership(membership);
  throw new Failure(
    'NotAMember',
    `refused to pull timeline with ${wanted}, node ${map.safekeeperId} is not member of it`,
    { retry: 'after-change' },
  );
}

/** An existing timeline takes over a newer configuration; everything else about it stays. */
async function alreadyExists(
  map: TimelineMap,
  id: TenantTimelineId,
  membership: Membership | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const lookup = map.find(id);
  if (lookup.kind !== 'Present') return false;
  const { timeline } = lookup;
  if (membership !== undefined && membership.generation > timeline.controlFile.membership.generation) {
    await timeline.switchMembership(membership, signal);
  }
  return true;
}

/**
 * What the installation would refuse anyway is refused before the download. `hasDirectory` was read before the map, or a
 * timeline that was installed in between would look like one that could not be loaded.
 */
function refuseEarly(map: TimelineMap, id: TenantTimelineId, rule: TombstoneRule, hasDirectory: boolean): void {
  if (map.find(id).kind === 'CreationInProgress') throw creationConflict();
  if (!rule.ignore && map.tombstones.blocks(id, rule.generation)) throw timelineDeleted(id);
  if (hasDirectory) throw timelineNotLoaded(id);
}

async function gatherStatuses(
  map: TimelineMap,
  id: TenantTimelineId,
  request: PullRequest,
  options: PullOptions,
  signal: AbortSignal,
): Promise<PeerStatus[] | undefined> {
  if (request.httpHosts.length > limits.pullHostsMax) {
    throw new Failure('TooManyHosts', `http_hosts has more than ${limits.pullHostsMax} entries`, { retry: 'never' });
  }
  const { connect, waitForEveryPeerMs } = options;
  return waitForEveryPeerMs === undefined
    ? await askHosts(id, request.httpHosts, connect, map.log, signal)
    : await awaitEveryHost(id, request.httpHosts, connect, waitForEveryPeerMs, map.clock, signal);
}

/** Without the control file, whose few hundred bytes are only known when it comes. */
function expectedBytes(status: TimelineStatus): number {
  const { walSegmentSize } = status.server;
  const range = snapshotSegmentRange({ ...status, walSegmentSize });
  return range === undefined ? 0 : Number(segmentCount(range)) * walSegmentSize;
}

/** The pull was in time for the download, another installation was faster; it may still fail. */
function creationConflict(): Failure {
  return new Failure('CreationConflict', 'Creation in progress');
}
