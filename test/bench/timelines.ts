import { type FileHandle, mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TenantTimelineId } from '../../src/domain/ids.ts';
import { INVALID_LSN, type Lsn, lsn } from '../../src/domain/lsn.ts';
import { NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import { term } from '../../src/domain/term.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import {
  partialSegmentFileName,
  segmentFileName,
  segmentNumber,
  segmentStart,
} from '../../src/safekeeper/wal-segment.ts';
import { randomInteger, seededRandom } from '../support/seeded-random.ts';
import { generateWal, type RecordSpec, SYSTEM_ID } from '../support/wal-generator.ts';

export const SEGMENT_BYTES = 16 * 1024 * 1024;
const PG_VERSION = 160_009;
const START_LSN = lsn(BigInt(SEGMENT_BYTES));
const LARGEST_RECORD_BYTES = 8_300;
/** Left unused in the last segment of a large timeline. */
const UNUSED_BYTES = 512 * 1024;
const IDLE_WAL_BYTES = 24 * 1024;

/** The bytes that the WAL of `segmentCount` segments of an active timeline has. */
export function activeWalBytes(segmentCount: number): number {
  return segmentCount * SEGMENT_BYTES - UNUSED_BYTES;
}

/**
 * Puts a timeline with about so many bytes of valid WAL where a donor serves it from. What its last segment does not use
 * is a hole, as safekeepers leave it. Its commit_lsn is a segment behind: they write it down once a segment.
 */
export async function layTimeline(
  dataDirectory: string,
  id: TenantTimelineId,
  walBytes = IDLE_WAL_BYTES,
): Promise<void> {
  const directory = join(dataDirectory, id.tenantId, id.timelineId);
  await mkdir(directory, { recursive: true });
  const { commitLsn, flushLsn } = await writeWal(directory, walBytes);
  const last = segmentNumber(flushLsn, SEGMENT_BYTES);
  if (segmentNumber(lsn(START_LSN + BigInt(walBytes)), SEGMENT_BYTES) !== last) throw new Error('too many bytes');
  await writeFile(join(directory, CONTROL_FILE_NAME), encodeControlFile(controlFileOf(id, commitLsn)));
}

/** A timeline that no compute has written to: a control file alone. */
export async function layUninitialized(dataDirectory: string, id: TenantTimelineId): Promise<void> {
  const directory = join(dataDirectory, id.tenantId, id.timelineId);
  await mkdir(directory, { recursive: true });
  const file = { ...controlFileOf(id, START_LSN), remoteConsistentLsn: INVALID_LSN };
  await writeFile(join(directory, CONTROL_FILE_NAME), encodeControlFile(file));
}

async function writeWal(directory: string, walBytes: number): Promise<{ commitLsn: Lsn; flushLsn: Lsn }> {
  const endLsn = lsn(START_LSN + BigInt(walBytes));
  const lastSegment = segmentNumber(endLsn, SEGMENT_BYTES);
  let commitLsn = START_LSN;
  let flushLsn = START_LSN;
  const pieces = generateWal({
    startLsn: START_LSN,
    segmentSize: SEGMENT_BYTES,
    pgVersion: PG_VERSION,
    records: recordsWhile(() => flushLsn < endLsn),
    onRecord: (record) => {
      flushLsn = record.endLsn;
      if (flushLsn < endLsn - BigInt(SEGMENT_BYTES)) commitLsn = flushLsn;
    },
  });
  let current: { readonly segment: bigint; readonly file: FileHandle } | undefined;
  for (const { lsn: position, bytes } of pieces) {
    const segment = segmentNumber(position, SEGMENT_BYTES);
    if (current?.segment !== segment) {
      await current?.file.close();
      const nameOf = segment === lastSegment ? partialSegmentFileName : segmentFileName;
      current = { segment, file: await open(join(directory, nameOf(segment, SEGMENT_BYTES)), 'wx') };
      await current.file.truncate(SEGMENT_BYTES);
    }
    const offset = Number(position - segmentStart(segment, SEGMENT_BYTES));
    await current.file.write(bytes, 0, bytes.length, offset);
  }
  await current?.file.close();
  return { commitLsn, flushLsn };
}

/** Sizes as WAL has them: small records, and now and then the image of a page. */
function* recordsWhile(isWanted: () => boolean): Generator<RecordSpec> {
  const random = seededRandom(1);
  while (isWanted()) {
    const [least, largest] = random() < 0.9 ? [40, 300] : [300, LARGEST_RECORD_BYTES];
    yield { kind: 'Data', sizeBytes: randomInteger(random, least, largest) };
  }
}

function controlFileOf(id: TenantTimelineId, commitLsn: Lsn): ControlFile {
  return {
    ...id,
    membership: NO_MEMBERSHIP,
    term: term(2n),
    termHistory: [{ term: term(2n), lsn: START_LSN }],
    server: { pgVersion: PG_VERSION, systemId: SYSTEM_ID, walSegmentSize: SEGMENT_BYTES },
    proposerUuid: '0'.repeat(32),
    timelineStartLsn: START_LSN,
    localStartLsn: START_LSN,
    commitLsn,
    backupLsn: START_LSN,
    peerHorizonLsn: START_LSN,
    remoteConsistentLsn: START_LSN,
    partialBackup: [],
    eviction: { kind: 'Present' },
    creation: { seconds: 1_700_000_000n, nanoseconds: 0 },
  };
}
