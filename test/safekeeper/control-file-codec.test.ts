import { crc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { stringifyLosslessJson } from '../../src/http/json.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { controlFileToJson } from '../../src/safekeeper/control-file-json.ts';
import { controlFiles } from '../support/arbitraries.ts';
import { listFixtures, readFixture, readJsonFixture } from '../support/fixtures.ts';

interface RecordedControlFile {
  readonly format_version: number;
  readonly decoded_by_the_real_safekeeper: unknown;
}

const names = listFixtures('control-files', '.control');
const recorded = (name: string) => readFixture('control-files', `${name}.control`);

describe('recorded control files', () => {
  test('all 21 are here', () => expect(names).toHaveLength(21));

  test.each(names)('%s decodes to its recorded values and encodes to the same bytes', (name) => {
    const description = readJsonFixture('control-files', `${name}.json`) as RecordedControlFile;
    const bytes = recorded(name);
    const file = decodeControlFile(bytes);
    const expected = stringifyLosslessJson(description.decoded_by_the_real_safekeeper);
    expect(stringifyLosslessJson(controlFileToJson(file))).toBe(expected);
    expect(encodeControlFile(file).equals(bytes)).toBe(true);
    expect(bytes.readUInt32LE(4)).toBe(description.format_version);
  });
});

test('what is encoded decodes to the same value', () => {
  fc.assert(
    fc.property(controlFiles(), (file) => {
      expect(decodeControlFile(encodeControlFile(file))).toEqual(file);
    }),
  );
});

describe('damage is a ControlFileInvalid, never anything else', () => {
  test('every truncation', () => {
    const bytes = recorded('v10-joint-membership');
    for (let size = 0; size < bytes.length; size++) expectInvalid(bytes.subarray(0, size));
  });

  test('every flipped bit', () => {
    for (const name of ['v10-partial-all-states', 'v9-offloaded']) {
      const bytes = recorded(name);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const damaged = Buffer.from(bytes);
        damaged.writeUInt8(damaged.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        expectInvalid(damaged);
      }
    }
  });

  test('arbitrary changes under a right checksum decode or are refused', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...names),
        fc.array(fc.tuple(fc.nat(1000), fc.nat(255)), { minLength: 1, maxLength: 8 }),
        (name, changes) => {
          const body = Buffer.from(recorded(name).subarray(0, -4));
          for (const [at, value] of changes) body.writeUInt8(value, at % body.length);
          const problem = problemOf(withChecksum(body));
          expect(problem === undefined || problem.reason === 'ControlFileInvalid').toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('an unknown version is named', () => {
    const body = Buffer.from(recorded('v10-one-term').subarray(0, -4));
    body.writeUInt32LE(11, 4);
    expect(problemOf(withChecksum(body))?.message).toContain('format version 11 is not supported');
  });

  test('bytes after the last field', () => {
    const body = Buffer.concat([recorded('v9-one-term').subarray(0, -4), Buffer.from([0])]);
    expect(problemOf(withChecksum(body))?.message).toContain('1 bytes follow the last field');
  });

  test('a list that claims more items than can be', () => {
    const body = Buffer.from(recorded('v9-one-term').subarray(0, -4));
    const termHistoryCountAt = 8 + 40 + 40 + 8;
    expect(body.readBigUInt64LE(termHistoryCountAt)).toBe(2n);
    body.writeBigUInt64LE(2n ** 64n - 1n, termHistoryCountAt);
    expect(problemOf(withChecksum(body))?.message).toContain('acceptor_state.term_history');
    body.writeBigUInt64LE(40_000n, termHistoryCountAt);
    expect(problemOf(withChecksum(body))?.message).toContain('more than the file holds');
  });
});

test('remembered peers of version 9 are read and dropped, as safekeepers do', () => {
  const original = recorded('v9-just-created');
  const peersAt = original.length - 4 - 4 - 8 - 8;
  expect(original.readBigUInt64LE(peersAt)).toBe(0n);
  const onePeer = Buffer.alloc(8 + 40);
  onePeer.writeBigUInt64LE(1n, 0);
  const withPeer = Buffer.concat([original.subarray(0, peersAt), onePeer, original.subarray(peersAt + 8, -4)]);
  const file: ControlFile = decodeControlFile(withChecksum(withPeer));
  expect(file).toEqual(decodeControlFile(original));
});

function withChecksum(body: Uint8Array): Buffer {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32LE(crc32c(body));
  return Buffer.concat([body, checksum]);
}

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
