import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allocateAligned, DirectWrites } from '../../src/disk/direct-writes.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { temporaryDirectory } from '../transfer/harness.ts';

const BATCH_BYTES = 512 * 1024;

describe('direct writes', () => {
  test('beside others, in any order, leave what was written', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'segment');
    const expected = Buffer.alloc(3 * BATCH_BYTES + 100);
    {
      await using file = await nodeFileSystem.open(path, 'Create');
      await file.truncate(expected.length);
      const pieces = [
        { at: 2 * BATCH_BYTES, bytes: allocateAligned(BATCH_BYTES).fill(3) },
        { at: 3 * BATCH_BYTES, bytes: Buffer.alloc(100, 4) },
        { at: 100, bytes: Buffer.alloc(BATCH_BYTES - 100, 1) },
        { at: BATCH_BYTES, bytes: allocateAligned(BATCH_BYTES).fill(2) },
      ];
      for (const { at, bytes } of pieces) bytes.copy(expected, at);
      await Promise.all(pieces.map(({ at, bytes }) => file.writev([bytes], at)));
      await file.datasync();
    }
    expect(expected.equals(await readFile(path))).toBe(true);
  });

  test('continue with what comes after the first buffer', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'segment');
    {
      await using file = await nodeFileSystem.open(path, 'Create');
      await file.writev([allocateAligned(BATCH_BYTES).fill(1), Buffer.alloc(0), Buffer.alloc(10, 2)], 0);
    }
    expect(Buffer.concat([Buffer.alloc(BATCH_BYTES, 1), Buffer.alloc(10, 2)]).equals(await readFile(path))).toBe(true);
  });

  test('are declined for memory, positions and sizes that are not aligned, and for small pieces', async () => {
    await using directory = await temporaryDirectory();
    await using handle = await open(join(directory.path, 'segment'), 'w');
    await using writes = new DirectWrites(handle.fd);
    const aligned = allocateAligned(BATCH_BYTES);
    expect(await writes.write(Buffer.allocUnsafeSlow(BATCH_BYTES), 0)).toBe(0);
    expect(await writes.write(aligned, 512)).toBe(0);
    expect(await writes.write(aligned.subarray(1), 0)).toBe(0);
    expect(await writes.write(aligned.subarray(0, BATCH_BYTES - 1), 0)).toBe(0);
    expect(await writes.write(aligned.subarray(0, 4096), 0)).toBe(0);
    // Whether there are any is up to the file system.
    const isOffered = await open(
      join(directory.path, 'other'),
      constants.O_CREAT | constants.O_WRONLY | constants.O_DIRECT,
    )
      .then((other) => other.close().then(() => true))
      .catch(() => false);
    expect(await writes.write(aligned, 0)).toBe(isOffered ? BATCH_BYTES : 0);
  });
});
