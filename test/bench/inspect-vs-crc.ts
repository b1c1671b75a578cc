import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { compareInPairs } from './pairs.ts';
import { readScale } from './scale.ts';
import { activeWalBytes, layTimeline } from './timelines.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/safekeeper-operator.js');
const TIMELINES = 2;
/** Of each timeline, 16 MiB each. */
const SEGMENTS = 32;
const READ_BYTES = 1024 * 1024;

/**
 * Wall time of the built `inspect --deep`, from the start of its process to its end, divided by that of one thread which
 * does nothing but read the same segments, a MiB at a time, and compute the native CRC-32C of what it reads: 1 GiB of WAL in
 * two timelines at scale 1, below `root`, all of it in the page cache. Small records dominate, see `timelines.ts`.
 */
export async function inspectVsCrc(root: string, scale: number): Promise<number> {
  const dataDirectory = join(root, 'inspected');
  await mkdir(dataDirectory);
  await writeFile(join(dataDirectory, 'safekeeper.id'), '1');
  const segmentCount = Math.max(2, Math.round(SEGMENTS * scale));
  for (let index = 0; index < TIMELINES; index++) {
    await layTimeline(dataDirectory, timelineIdOf(index), activeWalBytes(segmentCount));
  }
  const paths = await segmentPaths(dataDirectory);
  try {
    const ours = { run: () => inspectDeeply(dataDirectory) };
    return await compareInPairs('inspect', ours, { run: () => checksum(paths) });
  } finally {
    await rm(dataDirectory, { recursive: true });
  }
}

/** Fails unless everything is found sound: a fast look at half of it would be worth nothing. */
async function inspectDeeply(dataDirectory: string): Promise<void> {
  const child = spawn(process.execPath, [PROGRAM, 'inspect', dataDirectory, '--deep'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`inspect ended with ${code}`);
}

async function checksum(paths: readonly string[]): Promise<void> {
  const buffer = Buffer.allocUnsafeSlow(READ_BYTES);
  for (const path of paths) {
    const file = await open(path);
    try {
      let crc = 0;
      for (let position = 0; ; ) {
        const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position);
        if (bytesRead === 0) break;
        crc = crc32c(bytesRead === READ_BYTES ? buffer : buffer.subarray(0, bytesRead), crc);
        position += bytesRead;
      }
    } finally {
      await file.close();
    }
  }
}

async function segmentPaths(dataDirectory: string): Promise<string[]> {
  const entries = await readdir(dataDirectory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /^[0-9A-F]{24}/.test(entry.name))
    .map(({ parentPath, name }) => join(parentPath, name));
}

function timelineIdOf(index: number): TenantTimelineId {
  const tenantId = parseTenantId('c'.repeat(32));
  const timelineId = parseTimelineId(index.toString(16).padStart(32, '0'));
  if (tenantId === undefined || timelineId === undefined) throw new Error('these are ids');
  return { tenantId, timelineId };
}

async function main(): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'bench-inspect-'));
  try {
    const ratio = await inspectVsCrc(root, readScale());
    console.log(JSON.stringify({ bench: 'inspect', inspect_vs_crc: Number(ratio.toPrecision(3)) }));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === import.meta.filename) await main();
