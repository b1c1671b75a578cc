import { expect, test } from 'vitest';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { shareDirectorySyncs } from '../../src/disk/shared-directory-syncs.ts';

/** Syncs that end when they are told to. */
function heldSyncs() {
  const begun: Array<{ path: string; end(error?: Error): void }> = [];
  const files: FileSystem = {
    ...nodeFileSystem,
    syncDirectory: (path) =>
      new Promise((resolve, reject) => {
        begun.push({ path, end: (error) => (error === undefined ? resolve() : reject(error)) });
      }),
  };
  return { begun, files: shareDirectorySyncs(files) };
}

const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));

/** Names of the syncs that have ended, in order. */
function watch(list: string[], name: string, sync: Promise<void>): void {
  sync.then(
    () => list.push(name),
    (error: unknown) => list.push(`${name}: ${(error as Error).message}`),
  );
}

test('what comes while a directory is being synced waits for the next sync of it, all together', async () => {
  const { begun, files } = heldSyncs();
  const ended: string[] = [];
  for (const name of ['first', 'second', 'third']) watch(ended, name, files.syncDirectory('/a'));
  watch(ended, 'other', files.syncDirectory('/b'));
  await turn();
  expect(begun.map(({ path }) => path)).toEqual(['/a', '/b']);
  begun[0]?.end();
  await turn();
  expect([ended, begun.length]).toEqual([['first'], 3]);
  // The one that covers them has begun: too early for this one.
  watch(ended, 'late', files.syncDirectory('/a'));
  begun[2]?.end();
  await turn();
  expect([ended, begun.length]).toEqual([['first', 'second', 'third'], 4]);
  begun[3]?.end();
  begun[1]?.end();
  await turn();
  expect(ended.slice(3).sort()).toEqual(['late', 'other']);
});

test('a failure is told to those whose sync failed, and to nobody else', async () => {
  const { begun, files } = heldSyncs();
  const ended: string[] = [];
  for (const name of ['first', 'second', 'third']) watch(ended, name, files.syncDirectory('/a'));
  begun[0]?.end(new Error('EIO'));
  await turn();
  begun[1]?.end();
  await turn();
  expect(ended).toEqual(['first: EIO', 'second', 'third']);
  watch(ended, 'next', files.syncDirectory('/a'));
  begun[2]?.end(new Error('EIO again'));
  await turn();
  expect(ended[3]).toBe('next: EIO again');
});
