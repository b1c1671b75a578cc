import { mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { openArchiveFile, writeArchiveFile } from '../../src/transfer/archive-file.ts';
import { TransferMemory } from '../../src/transfer/transfer-memory.ts';
import { faultyFileSystem, type Operation, systemError } from './faulty-file-system.ts';
import { collect } from './donor.ts';
import { temporaryDirectory } from './harness.ts';

const MIB = 1024 * 1024;
/** Bytes, zeros, bytes, zeros: what an archive of an idle timeline looks like. */
const CONTENT = Buffer.concat([
  Buffer.alloc(700_001, 'WAL'),
  Buffer.alloc(4 * MIB),
  Buffer.alloc(513, 'x'),
  Buffer.alloc(3 * MIB + 7),
]);

function write(
  path: string,
  content: Uint8Array,
  { files = nodeFileSystem, replace = false, problem }: { files?: FileSystem; replace?: boolean; problem?: Error } = {},
): Promise<string> {
  return writeArchiveFile(
    path,
    { files, memory: new TransferMemory(), random: () => 'r4nd0m', replace },
    async (sink) => {
      for (let at = 0; at < content.length; at += 300_007) await sink.write(content.subarray(at, at + 300_007));
      if (problem !== undefined) throw problem;
      return 'written';
    },
  );
}

test('what was written is there byte for byte, zeros as holes, and reads back', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.tar');
  expect(await write(path, CONTENT)).toBe('written');
  expect((await readFile(path)).equals(CONTENT)).toBe(true);
  expect((await stat(path)).blocks * 512).toBeLessThan(2 * MIB);
  expect(await readdir(directory.path)).toEqual(['a.tar']);

  const { body, sizeBytes } = await openArchiveFile(nodeFileSystem, path, new TransferMemory());
  expect(sizeBytes).toBe(CONTENT.length);
  expect((await collect(body)).bytes.equals(CONTENT)).toBe(true);
});

test('the name appears only when content and all checks are done, and everything durable in between', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.tar');
  const calls: string[] = [];
  const files = faultyFileSystem((operation, on) => {
    if (['sync', 'rename', 'syncDirectory'].includes(operation)) calls.push(`${operation} ${on}`);
  });
  await write(path, CONTENT, { files });
  const partial = join(directory.path, '.a.tar.r4nd0m.partial');
  expect(calls).toEqual([`sync ${partial}`, `rename ${path}`, `syncDirectory ${directory.path}`]);
});

test('when anything goes wrong nothing is left, and what was there stays', async () => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.tar');
  await writeFile(path, 'before');
  const writing = write(path, CONTENT, { replace: true, problem: new Error('the last check fails') });
  await expect(writing).rejects.toThrow('the last check fails');
  expect(await readdir(directory.path)).toEqual(['a.tar']);
  expect(await readFile(path, 'utf8')).toBe('before');
});

describe('a target that exists', () => {
  test('is not replaced unless asked for', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'a.tar');
    await writeFile(path, 'before');
    await expect(write(path, CONTENT)).rejects.toMatchObject({
      reason: 'PathExists',
      message: `${path} exists already and it is only replaced with --force`,
    });
    expect(await readFile(path, 'utf8')).toBe('before');
    await write(path, CONTENT, { replace: true });
    expect((await readFile(path)).equals(CONTENT)).toBe(true);
  });

  test('and came while we were writing is not replaced either', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'a.tar');
    const files = faultyFileSystem(async (operation) => {
      if (operation === 'sync') await writeFile(path, 'of somebody else');
    });
    await expect(write(path, CONTENT, { files })).rejects.toMatchObject({ reason: 'PathExists' });
    expect(await readdir(directory.path)).toEqual(['a.tar']);
    expect(await readFile(path, 'utf8')).toBe('of somebody else');
  });

  test('and is no file is never replaced', async () => {
    await using directory = await temporaryDirectory();
    const [link, folder] = [join(directory.path, 'link'), join(directory.path, 'folder')];
    await symlink('/dev/null', link);
    await mkdir(folder);
    for (const path of [link, folder]) {
      await expect(write(path, CONTENT, { replace: true })).rejects.toMatchObject({
        message: `${path} exists already and it is not a regular file`,
      });
    }
  });
});

test('a directory that is not there is said so', async () => {
  await expect(write('/nowhere/at/all/a.tar', CONTENT)).rejects.toMatchObject({
    reason: 'DirectoryMissing',
    message: 'there is no directory /nowhere/at/all',
  });
});

test.each<[Operation, RegExp]>([
  ['open', /partial$/],
  ['writev', /partial$/],
  ['truncate', /partial$/],
  ['sync', /partial$/],
  ['rename', /a\.tar$/],
  ['syncDirectory', /./],
])('a disk that is full at %s is said so, and no partial file is left', async (operation, on) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'a.tar');
  const files = faultyFileSystem((called, onPath) => {
    if (called === operation && on.test(onPath)) throw systemError('ENOSPC');
  });
  await expect(write(path, CONTENT, { files })).rejects.toMatchObject({
    reason: 'DiskFull',
    message: expect.stringContaining(`${path} cannot be written`) as string,
  });
  expect((await readdir(directory.path)).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

describe('an archive that cannot be read', () => {
  test('is refused by what it is', async () => {
    await using directory = await temporaryDirectory();
    const open = (path: string) => openArchiveFile(nodeFileSystem, path, new TransferMemory());
    await expect(open(join(directory.path, 'none'))).rejects.toMatchObject({
      reason: 'ArchiveUnreadable',
      message: expect.stringContaining('there is no such file') as string,
    });
    await expect(open(directory.path)).rejects.toMatchObject({
      message: expect.stringContaining('not a regular file') as string,
    });
  });

  test('fails as what it is, when it fails half-way', async () => {
    await using directory = await temporaryDirectory();
    const path = join(directory.path, 'a.tar');
    await write(path, CONTENT);
    let reads = 0;
    const files = faultyFileSystem((operation) => {
      if (operation === 'readAt' && ++reads > 1) throw systemError('EIO');
    });
    const { error } = await collect((await openArchiveFile(files, path, new TransferMemory())).body);
    expect(error).toMatchObject({ reason: 'ArchiveUnreadable', message: `${path} cannot be read: EIO: injected` });
  });
});
