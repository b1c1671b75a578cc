import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { dumpDiskContent } from '../../src/agent/disk-content.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { faultyFileSystem } from '../transfer/faulty-file-system.ts';
import { never, temporaryDirectory } from '../transfer/harness.ts';

const SEGMENT_BYTES = 16 * 1024 * 1024;
const NAME = '000000010000000000000001';

/** A sparse segment with one byte at each position. */
async function laySegment(directory: string, positions: readonly number[]): Promise<void> {
  await using file = await open(join(directory, NAME), 'w');
  await file.truncate(SEGMENT_BYTES);
  for (const position of positions) await file.write(Buffer.from([7]), 0, 1, position);
}

test.each([
  ['with a little at its start', [100], 100, SEGMENT_BYTES - 101],
  ['with something in the middle and near the end', [5_000_000, 16_000_000], 5_000_000, SEGMENT_BYTES - 16_000_001],
  ['with bytes at both ends', [0, SEGMENT_BYTES - 1], 0, 0],
  ['of zeros', [], SEGMENT_BYTES, SEGMENT_BYTES],
] as const)(
  'a segment %s: what surrounds it is counted, and holes are not read',
  async (_what, positions, start, end) => {
    await using directory = await temporaryDirectory();
    await laySegment(directory.path, positions);
    let reads = 0;
    const files = faultyFileSystem((operation) => {
      if (operation === 'readAt') reads++;
    }, nodeFileSystem);
    const [file] = await dumpDiskContent(files, directory.path, never);
    expect(file).toMatchObject({ name: NAME, start_zeroes: start, end_zeroes: end });
    // Where the system does not tell holes it reads them all: 64 pieces.
    await using probe = await nodeFileSystem.open(join(directory.path, NAME), 'Read');
    const knowsHoles = (await probe.extentAt(2_000_000)).kind === 'Hole';
    if (knowsHoles) expect(reads).toBeLessThanOrEqual(4);
  },
);
