import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { pullOffloaded, uploadedKey } from './offloaded.ts';

// The same in S3: test/remote-storage/s3-storage.test.ts.
test('agents with a common directory hand over an offloaded timeline', async () => {
  const root = mkdtempSync(join(tmpdir(), 'agent-remote-'));
  mkdirSync(dirname(join(root, uploadedKey(1))), { recursive: true });
  writeFileSync(join(root, uploadedKey(1)), 'the last bytes of the WAL');
  await pullOffloaded(`file://${root}`);
  expect(readFileSync(join(root, uploadedKey(4)), 'utf8')).toBe('the last bytes of the WAL');
  rmSync(root, { recursive: true });
});
