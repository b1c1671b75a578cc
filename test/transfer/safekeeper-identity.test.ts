import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { parseSafekeeperId } from '../../src/domain/ids.ts';
import { readSafekeeperId } from '../../src/transfer/safekeeper-identity.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'identity-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function read(configured?: bigint) {
  return readSafekeeperId(
    nodeFileSystem,
    directory,
    configured === undefined ? undefined : parseSafekeeperId(configured),
  );
}

test('a given id is written for the next start, which needs none', async () => {
  expect(await read(3n)).toBe(3n);
  expect(readFileSync(join(directory, 'safekeeper.id'), 'latin1')).toBe('3');
  expect(await read()).toBe(3n);
});

test('no id anywhere', async () => {
  await expect(read()).rejects.toMatchObject({ reason: 'SafekeeperIdMissing' });
});

test('the directory is of another safekeeper', async () => {
  writeFileSync(join(directory, 'safekeeper.id'), '7');
  await expect(read(3n)).rejects.toMatchObject({ reason: 'SafekeeperIdConflict' });
  expect(readFileSync(join(directory, 'safekeeper.id'), 'latin1')).toBe('7');
});

test.each(['', '3\n', ' 3', '-3', '3x', '18446744073709551616'])('%j is not an id', async (content) => {
  writeFileSync(join(directory, 'safekeeper.id'), content);
  await expect(read(3n)).rejects.toMatchObject({ reason: 'SafekeeperIdInvalid' });
});

test('the greatest id', async () => {
  writeFileSync(join(directory, 'safekeeper.id'), '18446744073709551615');
  expect(await read()).toBe(2n ** 64n - 1n);
});
