import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BufferPool } from '../../src/base/buffer-pool.ts';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { FileWriter, SyncQueue, WriteBuffers } from '../../src/transfer/file-writer.ts';
import { faultyFileSystem, systemError } from './faulty-file-system.ts';
import { never, temporaryDirectory } from './harness.ts';

const BATCH_BYTES = 64 * 1024;
const BLOCK_BYTES = 16 * 1024;

const pieces = fc.array(
  fc.record({
    fill: fc.constantFrom(0, 0, 7),
    sizeBytes: fc.constantFrom(1, 100, BLOCK_BYTES, BATCH_BYTES - 1, BATCH_BYTES, 3 * BATCH_BYTES + 5),
  }),
  { maxLength: 12 },
);

const ZEROS = Buffer.alloc(64 * 1024);

/** Writes the pieces from one buffer that is overwritten after each, as that of a connection is. */
async function write(
  files: FileSystem,
  path: string,
  content: readonly Uint8Array[],
  pool = new BufferPool(BATCH_BYTES, 2),
): Promise<void> {
  const sizeBytes = content.reduce((sum, piece) => sum + piece.length, 0);
  await using buffers = new WriteBuffers({ writeBuffers: pool, zeros: ZEROS });
  await using writer = await FileWriter.create(files, path, sizeBytes, buffers);
  for (const piece of content) {
    const reused = Buffer.from(piece);
    await writer.write(reused);
    reused.fill(0xee);
  }
  await writer.finish();
}

describe('FileWriter', () => {
  test('reads back what was written, zeros and all, though the pieces and its buffers are used again', async () => {
    await using directory = await temporaryDirectory();
    const pool = new BufferPool(BATCH_BYTES, 2);
    let count = 0;
    await fc.assert(
      fc.asyncProperty(pieces, async (list) => {
        const content = list.map(({ fill, sizeBytes }) => Buffer.alloc(sizeBytes, fill));
        const path = join(directory.path, String(count++));
        await write(nodeFileSystem, path, content, pool);
        expect(Buffer.concat(content).equals(await readFile(path))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  test('leaves runs of zeros as holes', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'segment');
    const data = Buffer.alloc(BLOCK_BYTES, 1);
    await write(nodeFileSystem, path, [data, Buffer.alloc(62 * BLOCK_BYTES), data, Buffer.alloc(64 * BLOCK_BYTES)]);
    const { size, blocks } = await stat(path);
    expect(size).toBe(128 * BLOCK_BYTES);
    expect(blocks * 512).toBeLessThanOrEqual(4 * BLOCK_BYTES);
  });

  test('writes in whole batches, whatever the pieces are, after the size is set once', async () => {
    await using directory = await temporaryDirectory();
    const calls: string[] = [];
    const files = faultyFileSystem((operation) => void calls.push(operation));
    const pieceOf = (sizeBytes: number) => Buffer.alloc(sizeBytes, 1);
    await write(
      files,
      join(directory.path, 'dense'),
      Array.from({ length: 256 }, () => pieceOf(1024)),
    );
    expect(calls).toEqual(['open', 'truncate', 'writev', 'writev', 'writev', 'writev', 'close']);
    calls.length = 0;
    await write(files, join(directory.path, 'sparse'), [pieceOf(5), Buffer.alloc(BATCH_BYTES)]);
    expect(calls).toEqual(['open', 'truncate', 'writev', 'close']);
  });

  test('closes the file only when no write is on its way any more, though one failed', async () => {
    await using directory = await temporaryDirectory();
    const running = new Set<number>();
    let writes = 0;
    let runningAtClose = NaN;
    const files = faultyFileSystem(async (operation) => {
      if (operation === 'close') runningAtClose = running.size;
      if (operation !== 'writev') return;
      const number = ++writes;
      if (number === 1) throw systemError('ENOSPC');
      running.add(number);
      await delay(20);
      running.delete(number);
    });
    const content = Array.from({ length: 3 }, () => Buffer.alloc(BATCH_BYTES, 1));
    await expect(write(files, join(directory.path, 'segment'), content)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(writes).toBe(3);
    expect(runningAtClose).toBe(0);
  });

  test('fails when the disk does, also with its last batch', async () => {
    await using directory = await temporaryDirectory();
    for (const failing of [1, 3]) {
      let writes = 0;
      const files = faultyFileSystem((operation) => {
        if (operation === 'writev' && ++writes === failing) throw systemError('ENOSPC');
      });
      const content = Array.from({ length: 3 }, () => Buffer.alloc(BATCH_BYTES, 1));
      await expect(write(files, join(directory.path, String(failing)), content)).rejects.toMatchObject({
        code: 'ENOSPC',
      });
    }
  });
});

test('SyncQueue reports the first failure to whoever adds or drains', async () => {
  await using directory = await temporaryDirectory();
  const files = faultyFileSystem((operation) => {
    if (operation === 'datasync') throw systemError('EIO');
  });
  await using queue = new SyncQueue();
  await queue.add(await files.open(join(directory.path, 'a'), 'Create'), never);
  await expect(queue.drain()).rejects.toMatchObject({ code: 'EIO' });
  await using second = await files.open(join(directory.path, 'b'), 'Create');
  await expect(queue.add(second, never)).rejects.toMatchObject({ code: 'EIO' });
});
