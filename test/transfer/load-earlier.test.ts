import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EARLIER, earlierControlFile } from '../support/earlier-control-files.ts';
import { never, openMap, temporaryDirectory, timelineId } from './harness.ts';

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  'a directory with a control file of version %i is loaded, and written back as version 9',
  async (version) => {
    await using data = await temporaryDirectory();
    const id = timelineId(EARLIER.tenant, EARLIER.timeline);
    const directory = join(data.path, id.tenantId, id.timelineId);
    await mkdir(directory, { recursive: true });
    const path = join(directory, 'safekeeper.control');
    const original = earlierControlFile(version);
    await writeFile(path, original);

    const timeline = (await openMap(data.path)).get(id);
    expect([timeline.flushLsn, timeline.lastLogTerm]).toEqual([EARLIER.commit, EARLIER.epoch]);
    expect((await readFile(path)).equals(original)).toBe(true);

    await timeline.checkpoint(never);
    const written = await readFile(path);
    expect(written.readUInt32LE(4)).toBe(9);
    expect((await openMap(data.path)).get(id).controlFile).toEqual(timeline.controlFile);
  },
);
