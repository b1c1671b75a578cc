import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openRemoteStorage } from '../../src/remote-storage/open-remote-storage.ts';
import type { RemoteStorage } from '../../src/remote-storage/remote-storage.ts';

const never = new AbortController().signal;
const FROM = 'tenant/timeline/segment_sk1.partial';
const TO = 'tenant/timeline/segment_sk4.partial';

let root: string;
let storage: RemoteStorage;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'remote-'));
  await mkdir(join(root, 'tenant/timeline'), { recursive: true });
  storage = openRemoteStorage({ kind: 'Directory', path: root }, () => randomBytes(8).toString('hex'));
});

afterEach(() => rm(root, { recursive: true, force: true }));

describe('remote storage in a directory', () => {
  test('copies an object and nothing else', async () => {
    const content = randomBytes(3 * 1024 * 1024 + 7);
    await writeFile(join(root, FROM), content);
    await writeFile(join(root, `${FROM}.metadata`), '{"sk_type":"partial_segment"}');
    expect(await storage.exists(TO, never)).toBe(false);
    await storage.copy(FROM, TO, never);
    expect(await storage.exists(TO, never)).toBe(true);
    expect((await readFile(join(root, TO))).equals(content)).toBe(true);
    expect((await readFile(join(root, FROM))).equals(content)).toBe(true);
    const names = (await readdir(join(root, 'tenant/timeline'))).sort();
    expect(names).toEqual(['segment_sk1.partial', 'segment_sk1.partial.metadata', 'segment_sk4.partial']);
  });

  test('replaces an older copy, and makes directories', async () => {
    await writeFile(join(root, FROM), 'new');
    await writeFile(join(root, TO), 'older and longer');
    await storage.copy(FROM, TO, never);
    expect(await readFile(join(root, TO), 'utf8')).toBe('new');
    await storage.copy(FROM, 'other/deep/copy', never);
    expect(await readFile(join(root, 'other/deep/copy'), 'utf8')).toBe('new');
  });

  test('an object that is missing is no copy', async () => {
    const problem = { reason: 'RemoteObjectMissing', message: `there is no object ${FROM} in remote storage ${root}` };
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject(problem);
    await mkdir(join(root, FROM));
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject(problem);
    expect(await storage.exists(TO, never)).toBe(false);
  });

  test('a storage that is not there is no missing object', async () => {
    await rm(root, { recursive: true });
    const problem = { reason: 'RemoteStorageFailed', message: expect.stringContaining(root) as unknown };
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject(problem);
    await expect(storage.exists(FROM, never)).rejects.toMatchObject(problem);
  });

  test.skipIf(process.getuid?.() === 0)('a directory that may not be written refuses access', async () => {
    await writeFile(join(root, FROM), 'content');
    await chmod(join(root, 'tenant/timeline'), 0o555);
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({ reason: 'RemoteStorageAccessDenied' });
    await chmod(join(root, 'tenant/timeline'), 0o755);
  });

  test('one that was aborted leaves nothing', async () => {
    await writeFile(join(root, FROM), randomBytes(8 * 1024 * 1024));
    const abort = new AbortController();
    const copying = storage.copy(FROM, TO, abort.signal);
    abort.abort(new Error('enough'));
    await expect(copying).rejects.toThrow('enough');
    expect(await readdir(join(root, 'tenant/timeline'))).toEqual(['segment_sk1.partial']);
  });

  test('one that cannot be finished leaves nothing and takes nothing away', async () => {
    await writeFile(join(root, FROM), 'content');
    await mkdir(join(root, TO));
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({ reason: 'RemoteStorageFailed' });
    expect((await readdir(join(root, 'tenant/timeline'))).sort()).toEqual([
      'segment_sk1.partial',
      'segment_sk4.partial',
    ]);
  });
});
