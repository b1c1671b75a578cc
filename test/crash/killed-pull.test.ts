import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import {
  fingerprints,
  listTemp,
  openRecipient,
  readLiveTimeline,
  RECIPIENT_ID,
  type RecordedSnapshot,
  startRecordedDonor,
  temporaryDirectory,
} from '../transfer/harness.ts';
import { twoSegments } from './two-segments.ts';

const PROGRAM = fileURLToPath(new URL('./killed-pull.ts', import.meta.url));
const NODE_MODULES = fileURLToPath(new URL('../../node_modules', import.meta.url));
/** More than a pull has. */
const STEPS_MAX = 500;
const PARALLEL = 2;

/** One file, so that every child starts quickly. */
async function bundleInto(directory: string): Promise<string> {
  const bundle = join(directory, 'killed-pull.cjs');
  const external = ['@node-rs/crc32', 'koffi'];
  await build({
    entryPoints: [PROGRAM],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    external,
    logLevel: 'error',
  });
  return bundle;
}

/** Whether the pull was killed; otherwise it succeeded. */
async function isKilled(bundle: string, args: readonly string[]): Promise<boolean> {
  const child = spawn(process.execPath, [bundle, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, NODE_PATH: NODE_MODULES },
  });
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  if (signal !== 'SIGKILL') expect(code).toBe(0);
  return signal === 'SIGKILL';
}

async function expectNothingOrAll(dataDirectory: string, snapshot: RecordedSnapshot, finished: boolean): Promise<void> {
  await using recipient = await openRecipient(dataDirectory);
  const { map } = recipient;
  expect(await listTemp(dataDirectory)).toEqual([]);
  expect(map.unloaded).toEqual([]);
  const live = await readLiveTimeline(dataDirectory, snapshot.id);
  const isThere = map.find(snapshot.id).kind === 'Present';
  expect(fingerprints(live)).toEqual(isThere ? fingerprints(snapshot.files) : new Map());
  if (finished) expect(isThere).toBe(true);
}

async function expectHealed(dataDirectory: string, snapshot: RecordedSnapshot, host: string): Promise<void> {
  await using recipient = await openRecipient(dataDirectory);
  await recipient.pull(snapshot.id, [host]);
  expect(fingerprints(await readLiveTimeline(dataDirectory, snapshot.id))).toEqual(fingerprints(snapshot.files));
  expect(await listTemp(dataDirectory)).toEqual([]);
}

test('a pull killed at any step leaves no timeline or a whole one, and the next pull heals it', async () => {
  const snapshot = await twoSegments();
  await using root = await temporaryDirectory();
  await using donor = await startRecordedDonor(snapshot);
  const bundle = await bundleInto(root.path);
  let step = 0;
  let kills = 0;
  let isFinished = false;
  const work = async () => {
    while (!isFinished && step < STEPS_MAX) {
      const killAt = ++step;
      const data = join(root.path, String(killAt));
      await mkdir(data);
      const ids = [snapshot.id.tenantId, snapshot.id.timelineId, RECIPIENT_ID.toString()];
      const killed = await isKilled(bundle, [data, donor.url, ...ids, String(killAt)]);
      await expectNothingOrAll(data, snapshot, !killed);
      await expectHealed(data, snapshot, donor.url);
      if (killed) kills++;
      else isFinished = true;
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  expect(isFinished).toBe(true);
  expect(kills).toBeGreaterThan(20);
}, 120_000);
