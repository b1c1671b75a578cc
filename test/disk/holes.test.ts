import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Extent } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';

const MIB = 1024 * 1024;

/** A file of 8 MiB with data in these places, and nothing else. */
async function sparseFile(places: ReadonlyArray<readonly [from: number, to: number]>) {
  const directory = await mkdtemp(join(tmpdir(), 'holes-'));
  const path = join(directory, 'file');
  const handle = await open(path, 'wx');
  await handle.truncate(8 * MIB);
  for (const [from, to] of places) await handle.write(Buffer.alloc(to - from, 1), 0, to - from, from);
  await handle.close();
  return { path, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

async function extents(path: string): Promise<Extent[]> {
  await using file = await nodeFileSystem.open(path, 'Read');
  const found: Extent[] = [];
  for (let position = 0; position < 8 * MIB; ) {
    const extent = await file.extentAt(position);
    found.push(extent);
    position = extent.end;
  }
  return found;
}

test.each<[string, Array<[number, number]>]>([
  ['nothing but a hole', []],
  ['data and a hole', [[0, MIB]]],
  ['a hole and data', [[7 * MIB, 8 * MIB]]],
  [
    'data, holes and data',
    [
      [0, MIB],
      [2 * MIB, 3 * MIB],
      [6 * MIB, 8 * MIB],
    ],
  ],
  ['nothing but data', [[0, 8 * MIB]]],
])('extents of a file with %s', async (_what, places) => {
  await using file = await sparseFile(places);
  const found = await extents(file.path);
  // Which holes there are is the file system's business; data must never be in one.
  let position = 0;
  for (const { kind, end } of found) {
    expect(end).toBeGreaterThan(position);
    const overlapping = places.some(([from, to]) => from < end && to > position);
    if (kind === 'Hole') expect(overlapping).toBe(false);
    position = end;
  }
  if (process.platform === 'linux' && places.length < 2 && places[0]?.[1] !== 8 * MIB) {
    expect(found.some(({ kind }) => kind === 'Hole')).toBe(true);
  }
  expect(found.at(-1)?.end ?? 0).toBeGreaterThanOrEqual(8 * MIB);
});

test('whatever the system does not know is data: the next read tells what is wrong', async () => {
  await using sparse = await sparseFile([]);
  await using file = await nodeFileSystem.open(sparse.path, 'Read');
  expect(await file.extentAt(9 * MIB)).toEqual({ kind: 'Data', end: Infinity });
});
