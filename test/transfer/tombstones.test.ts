import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { TOMBSTONE_FILE_NAME, Tombstones } from '../../src/transfer/tombstones.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { faultyFileSystem, systemError } from './faulty-file-system.ts';
import { never, temporaryDirectory, timelineId } from './harness.ts';

const RECORD_BYTES = 82;
const id = (digit: string) => timelineId('1'.repeat(32), digit.repeat(32));

test('a full file is rewritten without what expired; when nothing did, the deletion is refused', async () => {
  await using data = await temporaryDirectory();
  const clock = new FakeClock();
  const open = () => Tombstones.open(nodeFileSystem, data.path, clock, 3 * RECORD_BYTES);
  const tombstones = await open();
  await tombstones.add(id('a'), undefined, never);
  await clock.advance(13 * 3600 * 1000);
  await tombstones.add(id('b'), undefined, never);
  await tombstones.add(id('c'), undefined, never);
  await expect(tombstones.add(id('d'), undefined, never)).rejects.toMatchObject({ reason: 'TooManyTombstones' });
  expect(tombstones.blocks(id('d'), undefined)).toBe(false);

  await clock.advance(12 * 3600 * 1000);
  await tombstones.add(id('d'), undefined, never);
  const reopened = await open();
  for (const [digit, blocked] of [
    ['a', false],
    ['b', true],
    ['c', true],
    ['d', true],
  ] as const) {
    expect(tombstones.blocks(id(digit), undefined)).toBe(blocked);
    expect(reopened.blocks(id(digit), undefined)).toBe(blocked);
  }
});

test('a record that could not be synced is not counted, and leaves nothing in the way of the next', async () => {
  await using data = await temporaryDirectory();
  let failing = true;
  const files = faultyFileSystem((operation) => {
    if (operation === 'sync' && failing) throw systemError('EIO');
  });
  const clock = new FakeClock();
  const tombstones = await Tombstones.open(files, data.path, clock);
  await expect(tombstones.add(id('a'), undefined, never)).rejects.toMatchObject({ reason: 'DiskFailed' });
  expect(tombstones.blocks(id('a'), undefined)).toBe(false);
  failing = false;
  await tombstones.add(id('b'), undefined, never);
  const text = await readFile(join(data.path, TOMBSTONE_FILE_NAME), 'utf8');
  expect(text).toBe(`${clock.wallTimeMs()} ${'1'.repeat(32)} ${'b'.repeat(32)} -\n`);
});
