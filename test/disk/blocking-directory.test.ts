import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openBlocking } from '../../src/disk/blocking-directory.ts';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'blocking-'));
});

afterEach(() => rm(directory, { recursive: true, force: true }));

test('reads any part of a file, fewer bytes only at its end, and knows its holes', async () => {
  const path = join(directory, 'file');
  await writeFile(path, 'some text');
  await truncate(path, 1024 * 1024);
  await using file = await openBlocking(directory).open('file');
  const buffer = Buffer.alloc(4);
  expect(await file?.readAt(buffer, 5)).toBe(4);
  expect(buffer.toString()).toBe('text');
  expect(await file?.readAt(buffer, 1024 * 1024 - 2)).toBe(2);
  expect(await file?.extentAt(0)).toMatchObject({ kind: 'Data' });
  if (process.platform === 'linux') expect(await file?.extentAt(512 * 1024)).toEqual({ kind: 'Hole', end: Infinity });
});

test('what is no regular file is not there, and nobody waits for it', async () => {
  execFileSync('mkfifo', [join(directory, 'pipe')]);
  await symlink('/dev/zero', join(directory, 'link'));
  await mkdir(join(directory, 'directory'));
  for (const name of ['pipe', 'link', 'directory', 'nothing']) {
    expect({ name, file: await openBlocking(directory).open(name) }).toEqual({ name, file: undefined });
  }
});

test('other failures are rejections', async () => {
  await writeFile(join(directory, 'file'), '');
  await expect(openBlocking(join(directory, 'file')).open('x')).rejects.toThrow('ENOTDIR');
});
