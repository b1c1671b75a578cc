import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { EARLIER, earlierControlFile } from '../support/earlier-control-files.ts';

const VERSIONS = [1, 2, 3, 4, 5, 6, 7, 8];

/** What version 7 says; the others are compared with it. */
const SEVEN = {
  tenantId: EARLIER.tenant,
  timelineId: EARLIER.timeline,
  membership: { generation: 0, members: [], newMembers: null },
  term: 42n,
  termHistory: EARLIER.history,
  server: { pgVersion: 140004, systemId: EARLIER.systemId, walSegmentSize: 16 * 1024 * 1024 },
  proposerUuid: EARLIER.uuid,
  timelineStartLsn: EARLIER.timelineStart,
  localStartLsn: EARLIER.localStart,
  commitLsn: EARLIER.commit,
  backupLsn: EARLIER.backup,
  peerHorizonLsn: EARLIER.peerHorizon,
  remoteConsistentLsn: EARLIER.remoteConsistent,
  partialBackup: [],
  eviction: { kind: 'Present' },
  creation: { seconds: 0n, nanoseconds: 0 },
};
const FOUR = { ...SEVEN, timelineStartLsn: 0n, localStartLsn: 0n, backupLsn: 0n, remoteConsistentLsn: 0n };

const EXPECTED: Readonly<Record<number, unknown>> = {
  1: { ...FOUR, termHistory: [{ term: 41n, lsn: 0n }] },
  2: FOUR,
  3: FOUR,
  4: FOUR,
  5: SEVEN,
  6: SEVEN,
  7: SEVEN,
  8: {
    ...SEVEN,
    partialBackup: [
      {
        status: 'Uploaded',
        name: EARLIER.partialName,
        commitLsn: EARLIER.commit,
        flushLsn: EARLIER.commit,
        term: EARLIER.epoch,
      },
    ],
  },
};

describe.each(VERSIONS)('version %i', (version) => {
  test('is read field by field', () => {
    expect(decodeControlFile(earlierControlFile(version))).toEqual(EXPECTED[version]);
  });

  test('is written back as version 9 with the same values', () => {
    const file = decodeControlFile(earlierControlFile(version));
    const written = encodeControlFile(file);
    expect(written.readUInt32LE(4)).toBe(9);
    expect(decodeControlFile(written)).toEqual(file);
  });

  test('is refused when it is cut or flipped anywhere', () => {
    const bytes = earlierControlFile(version);
    for (let size = 0; size < bytes.length; size++) expectInvalid(bytes.subarray(0, size));
    for (let at = 0; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged.writeUInt8(damaged.readUInt8(at) ^ 0x10, at);
      expectInvalid(damaged);
    }
  });

  test('is refused with ids or a segment size that cannot be', () => {
    expect(problemOf(earlierControlFile(version, { walSegmentSize: 0x12345678 }))?.message).toContain('wal_seg_size');
    if (version > 2) {
      const tenant = 'g'.repeat(32);
      expect(problemOf(earlierControlFile(version, { tenant }))?.message).toContain('tenant_id is not 32 hex digits');
    }
  });

  test('a pg_version that was not known is that of Postgres 14 up to version 6', () => {
    const { pgVersion } = decodeControlFile(earlierControlFile(version, { pgVersion: 0 })).server;
    expect(pgVersion).toBe(version <= 6 ? 140005 : 0);
  });
});

test('version 5 alone has start LSNs of 0 for those of files that were version 4 before', () => {
  const starts = (version: number, timelineStart: bigint) => {
    const file: ControlFile = decodeControlFile(earlierControlFile(version, { timelineStart, localStart: 0n }));
    return [file.timelineStartLsn, file.localStartLsn];
  };
  expect(starts(5, 0n)).toEqual([1n, 1n]);
  expect(starts(5, 8n)).toEqual([8n, 0n]);
  expect(starts(6, 0n)).toEqual([0n, 0n]);
});

test('a version that never was is refused with its number', () => {
  for (const version of [0, 11, 2 ** 32 - 1]) {
    const problem = problemOf(earlierControlFile(version));
    expect(problem?.message).toContain(`format version ${version} is not supported (1 to 10 are)`);
  }
});

function problemOf(bytes: Uint8Array): Failure | undefined {
  try {
    decodeControlFile(bytes);
    return undefined;
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
}

function expectInvalid(bytes: Uint8Array): void {
  expect(problemOf(bytes)?.reason).toBe('ControlFileInvalid');
}
