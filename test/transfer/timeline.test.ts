import { expect, test } from 'vitest';
import { faultyFileSystem, systemError } from './faulty-file-system.ts';
import { layTimeline, never, openMap, recordedSnapshot, temporaryDirectory } from './harness.ts';

test('a checkpoint writes only what is not known to be on disk', async () => {
  const snapshot = await recordedSnapshot('resident_partial');
  await using data = await temporaryDirectory();
  await layTimeline(data.path, snapshot.id, snapshot.files);
  let writes = 0;
  let isFailing = false;
  const files = faultyFileSystem((operation) => {
    if (operation === 'rename') writes++;
    if (operation === 'syncDirectory' && isFailing) throw systemError('EIO');
  });
  const timeline = (await openMap(data.path, { files })).get(snapshot.id);
  await timeline.checkpoint(never);
  await timeline.checkpoint(never);
  expect(writes).toBe(1);
  await timeline.bumpTerm(undefined, never);
  await timeline.checkpoint(never);
  expect(writes).toBe(2);

  // It may be on disk, or not.
  isFailing = true;
  await expect(timeline.bumpTerm(undefined, never)).rejects.toMatchObject({ reason: 'DiskFailed' });
  isFailing = false;
  await timeline.checkpoint(never);
  expect(writes).toBe(4);
});
