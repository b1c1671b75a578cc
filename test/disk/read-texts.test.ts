import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { readTexts } from '../../src/disk/read-texts.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'texts-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test('a file is one text', async () => {
  writeFileSync(join(directory, 'a'), 'é');
  expect(await readTexts(join(directory, 'a'))).toEqual(['é']);
});

test('a directory is its files by name; a mounted Kubernetes secret is one', async () => {
  mkdirSync(join(directory, '..2026'));
  writeFileSync(join(directory, '..2026', 'b.pem'), 'b');
  writeFileSync(join(directory, '..2026', 'a.pem'), 'a');
  symlinkSync('..2026', join(directory, '..data'));
  for (const name of ['b.pem', 'a.pem']) symlinkSync(join('..data', name), join(directory, name));
  expect(await readTexts(directory)).toEqual(['a', 'b']);
});

test('nothing, and too much, are errors', async () => {
  await expect(readTexts(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
  writeFileSync(join(directory, 'large'), Buffer.alloc(limits.credentialFileBytesMax + 1));
  await expect(readTexts(join(directory, 'large'))).rejects.toMatchObject({ reason: 'CredentialFileInvalid' });
  mkdirSync(join(directory, 'many'));
  for (let index = 0; index <= limits.credentialFilesMax; index++)
    writeFileSync(join(directory, 'many', `${index}`), '');
  await expect(readTexts(join(directory, 'many'))).rejects.toMatchObject({ reason: 'CredentialFileInvalid' });
});
