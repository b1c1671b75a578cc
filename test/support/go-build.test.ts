import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { buildOnce, go } from './go-build.ts';

let cacheHome: string;
beforeEach(async () => {
  cacheHome = await mkdtemp(join(tmpdir(), 'cache-'));
  vi.stubEnv('XDG_CACHE_HOME', cacheHome);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(cacheHome, { recursive: true });
});

const cached = () => readdir(join(cacheHome, 'safekeeper-operator'));

/** Builds a directory with one file, and waits in between for whoever else builds. */
function slowBuild(content: string, isFree: Promise<void>) {
  return async (path: string) => {
    await mkdir(path);
    await writeFile(join(path, 'program'), content);
    await isFree;
  };
}

test('is built once, and found from then on', async () => {
  let builds = 0;
  const build = async (path: string) => {
    builds++;
    await writeFile(path, 'x');
  };
  const first = await buildOnce('thing-1', build);
  expect(await buildOnce('thing-1', build)).toEqual(first);
  expect(first).toEqual({ path: join(cacheHome, 'safekeeper-operator', 'thing-1') });
  expect(builds).toBe(1);
});

test('of several builds at once one is kept, whole, and all get it', async () => {
  let start = () => {};
  const isFree = new Promise<void>((resolve) => (start = resolve));
  const contents = ['a', 'b', 'c'];
  const building = contents.map((content) => buildOnce('thing-1', slowBuild(content, isFree)));
  start();
  const path = join(cacheHome, 'safekeeper-operator', 'thing-1');
  expect(await Promise.all(building)).toEqual(contents.map(() => ({ path })));
  expect(contents).toContain(await readFile(join(path, 'program'), 'utf8'));
  expect(await cached()).toEqual(['thing-1']);
});

test('a build that fails leaves nothing and says why', async () => {
  const found = await buildOnce('thing-1', async (path) => {
    await writeFile(path, 'half');
    throw new Error('no such module');
  });
  expect(found).toEqual({ missing: 'thing-1 cannot be built: no such module' });
  expect(await cached()).toEqual([]);
});

test('without Go it says so', async () => {
  vi.stubEnv('PATH', cacheHome);
  const found = await buildOnce('thing-1', async () => void (await go(['version'])));
  expect(found).toEqual({ missing: 'thing-1 cannot be built: there is no Go on the PATH' });
});

test('what a killed build left is swept a day later', async () => {
  const directory = join(cacheHome, 'safekeeper-operator');
  for (const name of ['.building-old-1', '.building-new-1']) await mkdir(join(directory, name), { recursive: true });
  const long = new Date(Date.now() - 25 * 3_600_000);
  await utimes(join(directory, '.building-old-1'), long, long);
  await buildOnce('thing-1', (path) => writeFile(path, 'x'));
  expect((await cached()).toSorted()).toEqual(['.building-new-1', 'thing-1']);
});
