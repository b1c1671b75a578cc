import { crc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { controlFiles } from '../support/arbitraries.ts';
import { FUZZ_TIMEOUT_MS, fractions, fuzzRuns } from './runs.ts';

/** Replaces, inserts and removes bytes. */
const changes = fc.array(
  fc.record({
    where: fractions(),
    removed: fc.nat(8),
    inserted: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(1, 4, 8).map((size) => Buffer.alloc(size, 0xff)),
    ),
  }),
  { maxLength: 4 },
);

test(
  'a damaged control file of any version with a right checksum is read or refused',
  () => {
    fc.assert(
      fc.property(controlFiles(), fc.integer({ min: 0, max: 12 }), changes, (original, version, damage) => {
        let body = Buffer.from(encodeControlFile(original).subarray(0, -4));
        body.writeUInt32LE(version, 4);
        for (const { where, removed, inserted } of damage) {
          const at = 8 + Math.floor(where * (body.length - 8));
          body = Buffer.concat([body.subarray(0, at), inserted, body.subarray(Math.min(body.length, at + removed))]);
        }
        const read = readOrRefuse(withChecksum(body));
        // What was read can be kept.
        if (read !== undefined) expect(decodeControlFile(encodeControlFile(read))).toEqual(kept(read));
      }),
      fuzzRuns(800),
    );
  },
  FUZZ_TIMEOUT_MS,
);

/** Without a generation neither members nor the creation time are stored. */
function kept(file: ControlFile): ControlFile {
  if (file.membership.generation !== 0) return file;
  return {
    ...file,
    membership: { ...file.membership, members: [], newMembers: null },
    creation: { seconds: 0n, nanoseconds: 0 },
  };
}

function readOrRefuse(bytes: Buffer): ControlFile | undefined {
  try {
    return decodeControlFile(bytes);
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ reason: 'ControlFileInvalid' });
    return undefined;
  }
}

function withChecksum(body: Buffer): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(body));
  return Buffer.concat([body, checksum]);
}
