import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';

const directory = mkdtempSync(join(tmpdir(), 'files-'));
const MIB = 1024 * 1024;

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A new file is given the number of the descriptor that was closed last. */
describe('a file that is being closed', () => {
  test('takes to its end what was under way, and none of it gets into another file', async () => {
    for (let round = 0; round < 20; round++) {
      const path = join(directory, `old ${round}`);
      const old = await nodeFileSystem.open(path, 'Create');
      const writes = Array.from({ length: 8 }, (_, at) => old.writev([Buffer.alloc(MIB, 'o')], at * MIB));
      const closed = old[Symbol.asyncDispose]();
      await using other = await nodeFileSystem.open(join(directory, `other ${round}`), 'Create');
      await Promise.all([...writes, closed]);
      expect(readFileSync(path).equals(Buffer.alloc(8 * MIB, 'o'))).toBe(true);
      expect((await other.status()).sizeBytes).toBe(0);
      await nodeFileSystem.remove(path);
    }
  });

  test('is closed once, and then does nothing', async () => {
    const old = await nodeFileSystem.open(join(directory, 'closed'), 'Create');
    await old[Symbol.asyncDispose]();
    await using other = await nodeFileSystem.open(join(directory, 'with its number'), 'Create');
    await old[Symbol.asyncDispose]();
    await expect(old.writev([Buffer.from('lost')], 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(old.extentAt(0)).rejects.toMatchObject({ code: 'EBADF' });
    await other.writev([Buffer.from('kept')], 0);
    expect(readFileSync(join(directory, 'with its number'), 'utf8')).toBe('kept');
  });
});
