import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ensureDirectory, moveDirectory, readSmallFile, writeFileDurably } from '../../src/disk/durable.ts';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { createTempDirectory, sweepTempDirectories } from '../../src/disk/temp-directory.ts';
import { faultyFileSystem, systemError } from '../transfer/faulty-file-system.ts';

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'durable-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

/** Notes the calls that durability depends on, in order. */
function recording(calls: string[], root: string): FileSystem {
  const short = (path: string) => path.slice(root.length);
  return {
    ...nodeFileSystem,
    open: async (path, mode) => {
      const file = await nodeFileSystem.open(path, mode);
      calls.push(`open ${short(path)}`);
      return {
        readAt: (buffer, position) => file.readAt(buffer, position),
        extentAt: (position) => file.extentAt(position),
        datasync: () => file.datasync(),
        truncate: (sizeBytes) => file.truncate(sizeBytes),
        status: () => file.status(),
        writev: (buffers, position) => {
          calls.push(`write ${short(path)}`);
          return file.writev(buffers, position);
        },
        sync: () => {
          calls.push(`sync ${short(path)}`);
          return file.sync();
        },
        [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
      };
    },
    rename: (from, to) => {
      calls.push(`rename ${short(from)} ${short(to)}`);
      return nodeFileSystem.rename(from, to);
    },
    makeDirectory: (path) => {
      calls.push(`mkdir ${short(path)}`);
      return nodeFileSystem.makeDirectory(path);
    },
    syncDirectory: (path) => {
      calls.push(`syncdir ${short(path)}`);
      return nodeFileSystem.syncDirectory(path);
    },
  };
}

describe('writeFileDurably', () => {
  test('syncs the content before the rename and the directory after it', async () => {
    await using root = await temporary();
    const calls: string[] = [];
    const path = join(root.path, 'file');
    await writeFile(path, 'old, and longer');
    await writeFileDurably(recording(calls, root.path), path, Buffer.from('new'));
    expect(await readFile(path, 'utf8')).toBe('new');
    expect(calls).toEqual([
      'open /file.partial',
      'write /file.partial',
      'sync /file.partial',
      'rename /file.partial /file',
      'syncdir ',
    ]);
    expect(await readdir(root.path)).toEqual(['file']);
  });
});

describe('moveDirectory', () => {
  test('moves a directory and syncs the one that names it', async () => {
    await using root = await temporary();
    const calls: string[] = [];
    await mkdir(join(root.path, 'tmp'));
    await mkdir(join(root.path, 'live'));
    await mkdir(join(root.path, 'tmp', 'a'));
    const live = join(root.path, 'live');
    await moveDirectory(recording(calls, root.path), join(root.path, 'tmp', 'a'), join(live, 'b'), live);
    expect(await readdir(join(root.path, 'live'))).toEqual(['b']);
    expect(calls).toEqual(['rename /tmp/a /live/b', 'syncdir /live']);
  });

  test('is undone when it cannot be made durable', async () => {
    await using root = await temporary();
    const [from, to] = [join(root.path, 'from'), join(root.path, 'to')];
    await mkdir(from);
    let failures = 1;
    const files = faultyFileSystem((operation) => {
      if (operation === 'syncDirectory' && failures-- > 0) throw systemError('EIO');
    });
    await expect(moveDirectory(files, from, to, root.path)).rejects.toMatchObject({ code: 'EIO' });
    expect(await readdir(root.path)).toEqual(['from']);
    await moveDirectory(files, from, to, root.path);
    expect(await readdir(root.path)).toEqual(['to']);
  });

  test.each<[string, (path: string) => Promise<unknown>]>([
    ['an empty directory', (path) => mkdir(path)],
    ['a file', (path) => writeFile(path, '')],
  ])('refuses %s in the way', async (_what, put) => {
    await using root = await temporary();
    const [from, to] = [join(root.path, 'from'), join(root.path, 'to')];
    await mkdir(from);
    await put(to);
    await expect(moveDirectory(nodeFileSystem, from, to, root.path)).rejects.toMatchObject({ reason: 'PathExists' });
    expect(await readdir(root.path)).toEqual(['from', 'to']);
  });
});

test('ensureDirectory makes the name of a directory durable, whether it was there or not', async () => {
  await using root = await temporary();
  const calls: string[] = [];
  const files = recording(calls, root.path);
  await ensureDirectory(files, join(root.path, 'tenant'));
  await ensureDirectory(files, join(root.path, 'tenant'));
  const once = ['mkdir /tenant', 'syncdir '];
  expect(calls).toEqual([...once, ...once]);
});

test('readSmallFile reads a file whole, knows that there is none, and refuses a larger one', async () => {
  await using root = await temporary();
  const path = join(root.path, 'file');
  expect(await readSmallFile(nodeFileSystem, path, 10)).toBeUndefined();
  await writeFile(path, '0123456789');
  expect(Buffer.from((await readSmallFile(nodeFileSystem, path, 10))!).toString()).toBe('0123456789');
  await expect(readSmallFile(nodeFileSystem, path, 9)).rejects.toMatchObject({ reason: 'FileTooLarge' });
});

describe('temp directories', () => {
  test('that cannot be removed are reported, not thrown', async () => {
    await using root = await temporary();
    const leftovers: string[] = [];
    const files = faultyFileSystem((operation) => {
      if (operation === 'remove') throw systemError('EIO');
    });
    {
      await using _temp = await createTempDirectory(files, root.path, 'T_L_1', (path, error) =>
        leftovers.push(`${path}: ${String(error)}`),
      );
    }
    expect(leftovers).toEqual([`${join(root.path, 'tmp', 'T_L_1_temptli')}: Error: EIO: injected`]);
  });

  test('are named like those of safekeepers and removed with their content', async () => {
    await using root = await temporary();
    {
      await using temp = await createTempDirectory(nodeFileSystem, root.path, 'T_L_123', expect.unreachable);
      expect(temp.path).toBe(join(root.path, 'tmp', 'T_L_123_temptli'));
      await writeFile(join(temp.path, 'file'), 'x');
    }
    expect(await readdir(join(root.path, 'tmp'))).toEqual([]);
  });

  test('that were renamed are let go', async () => {
    await using root = await temporary();
    const calls: string[] = [];
    {
      const files = faultyFileSystem((operation) => void calls.push(operation));
      await using temp = await createTempDirectory(files, root.path, 'T_L_1', expect.unreachable);
      await files.rename(temp.path, join(root.path, 'live'));
      temp.release();
    }
    expect(calls).toEqual(['makeDirectory', 'makeDirectory', 'makeDirectory', 'rename']);
  });

  test('that were left behind are swept, nothing else', async () => {
    await using root = await temporary();
    expect(await sweepTempDirectories(nodeFileSystem, root.path)).toBe(0);
    await mkdir(join(root.path, 'tmp', 'T_L_1_temptli'), { recursive: true });
    await writeFile(join(root.path, 'tmp', 'T_L_1_temptli', 'file'), 'x');
    await mkdir(join(root.path, 'tmp', 'other'));
    expect(await sweepTempDirectories(nodeFileSystem, root.path)).toBe(1);
    expect(await readdir(join(root.path, 'tmp'))).toEqual(['other']);
  });
});

test('the node file system writes all buffers at their position and reads up to the end', async () => {
  await using root = await temporary();
  const path = join(root.path, 'file');
  await using file = await nodeFileSystem.open(path, 'Create');
  await file.writev([Buffer.from('ab'), Buffer.alloc(0), Buffer.from('cde')], 3);
  const buffer = Buffer.alloc(10, '.');
  expect(await file.readAt(buffer, 1)).toBe(7);
  expect(buffer.toString('latin1')).toBe('\0\0abcde...');
  expect(await file.status()).toMatchObject({ kind: 'File', sizeBytes: 8 });
  await expect(nodeFileSystem.open(path, 'Create')).rejects.toMatchObject({ code: 'EEXIST' });
  expect(await nodeFileSystem.status(join(root.path, 'nothing'))).toBeUndefined();
});
