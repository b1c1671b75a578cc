import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { FileWriter, SyncQueue } from '../../src/transfer/file-writer.ts';
import { faultyFileSystem, systemError } from './faulty-file-system.ts';
import { never, temporaryDirectory } from './harness.ts';

const pieces = fc.array(
  fc.record({ fill: fc.constantFrom(0, 0, 7), sizeBytes: fc.constantFrom(1, 4096, 65_536, 400_000) }),
  { maxLength: 12 },
);

describe('FileWriter', () => {
  test('reads back what was written, zeros and all', async () => {
    await using directory = await temporaryDirectory();
    let count = 0;
    await fc.assert(
      fc.asyncProperty(pieces, async (list) => {
        const content = list.map(({ fill, sizeBytes }) => Buffer.alloc(sizeBytes, fill));
        const path = join(directory.path, String(count++));
        {
          await using writer = await FileWriter.create(nodeFileSystem, path);
          for (const piece of content) await writer.write(piece);
          await writer.finish();
        }
        expect(Buffer.concat(content).equals(await readFile(path))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('leaves runs of zeros as holes', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'segment');
    {
      await using writer = await FileWriter.create(nodeFileSystem, path);
      await writer.write(Buffer.alloc(65_536, 1));
      for (let piece = 0; piece < 63; piece++) await writer.write(Buffer.alloc(65_536));
      await writer.finish();
    }
    const { size, blocks } = await stat(path);
    expect(size).toBe(64 * 65_536);
    expect(blocks * 512).toBeLessThan(size / 4);
  });
});

test('SyncQueue reports the first failure to whoever adds or drains', async () => {
  await using directory = await temporaryDirectory();
  const files = faultyFileSystem((operation) => {
    if (operation === 'datasync') throw systemError('EIO');
  });
  await using queue = new SyncQueue();
  await queue.add(await FileWriter.create(files, join(directory.path, 'a')), never);
  await expect(queue.drain()).rejects.toMatchObject({ code: 'EIO' });
  await using second = await FileWriter.create(files, join(directory.path, 'b'));
  await expect(queue.add(second, never)).rejects.toMatchObject({ code: 'EIO' });
});
