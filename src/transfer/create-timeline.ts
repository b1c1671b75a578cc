import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { writeFileDurably } from '../disk/durable.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import { formatLsn, INVALID_LSN, type Lsn } from '../domain/lsn.ts';
import type { Membership } from '../domain/membership.ts';
import { INITIAL_TERM } from '../domain/term.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../safekeeper/control-file-codec.ts';
import { isWalSegmentSize } from '../safekeeper/wal-segment.ts';
import { install } from './install.ts';
import type { Timeline } from './timeline.ts';
import type { TimelineMap } from './timeline-map.ts';

/** The Postgres versions whose WAL safekeepers know. */
const POSTGRES_MAJOR_MIN = 14;
const POSTGRES_MAJOR_MAX = 17;

export interface CreateTimelineRequest extends TenantTimelineId {
  readonly membership: Membership;
  /** `server_version_num`, for example 150020. */
  readonly pgVersion: number;
  readonly systemId: bigint;
  /** Bytes. */
  readonly walSegmentSize: number;
  readonly startLsn: Lsn;
  /** Defaults to `startLsn`. */
  readonly commitLsn: Lsn | undefined;
}

export type CreateTimelineOutcome =
  | { readonly kind: 'Created'; readonly timeline: Timeline }
  | { readonly kind: 'AlreadyExists'; readonly timeline: Timeline };

/**
 * Creates a timeline without WAL. One that exists is left alone whatever the request says. Throws a Failure
 * `TimelineRefused` (deleted), `InvalidTimeline`, `TimelineNotLoaded`, `CreationInProgress`, `DiskFull` or `DiskFailed`.
 */
export async function createTimeline(map: TimelineMap, request: CreateTimelineRequest): Promise<CreateTimelineOutcome> {
  const id = { tenantId: request.tenantId, timelineId: request.timelineId };
  const lookup = map.find(id);
  if (lookup.kind === 'Present') return { kind: 'AlreadyExists', timeline: lookup.timeline };
  if (map.tombstones.blocks(id, request.membership.generation)) {
    throw new Failure('TimelineRefused', `Timeline ${formatTenantTimelineId(id)} has been deleted`, { retry: 'never' });
  }
  const controlFile = initialControlFile(request, map.clock.wallTimeMs());
  const claim = map.markCreation(id, { generation: request.membership.generation, ignore: false });
  if (claim.kind === 'AlreadyExists') return claim;
  using mark = claim.mark;
  const timeline = await explainDiskFailures('the timeline cannot be created', async () => {
    await using temp = await map.createTempDirectory(id);
    await writeFileDurably(map.files, join(temp.path, CONTROL_FILE_NAME), encodeControlFile(controlFile));
    return await install(map, mark, { path: temp.path, controlFile, flushLsn: controlFile.commitLsn });
  });
  return { kind: 'Created', timeline };
}

function initialControlFile(request: CreateTimelineRequest, wallTimeMs: number): ControlFile {
  const { startLsn, commitLsn = startLsn } = request;
  checkRequest(request, commitLsn);
  return {
    tenantId: request.tenantId,
    timelineId: request.timelineId,
    membership: request.membership,
    term: INITIAL_TERM,
    termHistory: [{ term: INITIAL_TERM, lsn: startLsn }],
    server: { pgVersion: request.pgVersion, systemId: request.systemId, walSegmentSize: request.walSegmentSize },
    proposerUuid: '0'.repeat(32),
    timelineStartLsn: startLsn,
    localStartLsn: startLsn,
    commitLsn,
    backupLsn: startLsn,
    peerHorizonLsn: startLsn,
    remoteConsistentLsn: INVALID_LSN,
    partialBackup: [],
    eviction: { kind: 'Present' },
    creation: {
      seconds: BigInt(Math.floor(wallTimeMs / 1000)),
      nanoseconds: Math.floor((wallTimeMs % 1000) * 1_000_000),
    },
  };
}

/** The checks and words of real safekeepers, except that they crash on an unknown Postgres version. */
function checkRequest(request: CreateTimelineRequest, commitLsn: Lsn): void {
  const name = formatTenantTimelineId(request);
  const zeroId = '0'.repeat(32);
  if (request.tenantId === zeroId || request.timelineId === zeroId) {
    const message = `Calling SafeKeeper::new with empty tenant_id (${request.tenantId}) or timeline_id (${request.timelineId})`;
    throw invalidTimeline(message);
  }
  if (request.walSegmentSize === 0) throw invalidTimeline(`Timeline ${name} is not initialized, wal_seg_size is zero`);
  if (!isWalSegmentSize(request.walSegmentSize)) {
    throw invalidTimeline(`Timeline ${name}: wal_seg_size must be a power of two from 1 MiB to 1 GiB`);
  }
  if (request.pgVersion === 0) throw invalidTimeline(`Timeline ${name} is not initialized, pg_version is unknown`);
  const major = Math.floor(request.pgVersion / 10_000);
  if (major < POSTGRES_MAJOR_MIN || major > POSTGRES_MAJOR_MAX) {
    const range = `${POSTGRES_MAJOR_MIN} to ${POSTGRES_MAJOR_MAX}`;
    throw invalidTimeline(`Timeline ${name}: pg_version ${request.pgVersion} is not of Postgres ${range}`);
  }
  if (commitLsn < request.startLsn) {
    throw invalidTimeline(
      `commit_lsn ${formatLsn(commitLsn)} is smaller than start_lsn ${formatLsn(request.startLsn)}`,
    );
  }
}

function invalidTimeline(message: string): Failure {
  return new Failure('InvalidTimeline', message, { retry: 'never' });
}
