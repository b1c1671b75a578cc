import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';
import { mapBounded } from '../../base/concurrency.ts';
import { Failure } from '../../base/failure.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import { lsn } from '../../domain/lsn.ts';
import { term, type TermLsn } from '../../domain/term.ts';
import type { ControlFile } from '../../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../safekeeper/control-file-codec.ts';
import { TarReader } from '../../transfer/tar-reader.ts';
import { type DemoTimeline, timelineOf } from './timelines.ts';

/** One safekeeper's part of the demo. */
export interface DataDirectory {
  readonly safekeeperId: SafekeeperId;
  readonly path: string;
}

/** A recorded snapshot: file contents by name. */
type Snapshot = ReadonlyMap<string, Buffer>;

const WRITE_CONCURRENCY = 8;

/**
 * Writes the timelines into every data directory, as if computes had written them: WAL files as they were recorded from
 * real safekeepers, byte for byte; control files with the demo's own ids and terms. Not durable: nothing outlives the demo.
 */
export async function layTimelines(
  timelines: readonly DemoTimeline[],
  directories: readonly DataDirectory[],
  signal: AbortSignal,
): Promise<void> {
  const recordings = recordingsDirectory(import.meta.dirname);
  const snapshots = new Map<string, Snapshot>();
  for (const { snapshot } of timelines) {
    if (!snapshots.has(snapshot)) snapshots.set(snapshot, await readSnapshot(recordings, snapshot));
  }
  const replicas = timelines.flatMap((timeline) => directories.map((directory) => ({ timeline, directory })));
  await mapBounded(replicas, WRITE_CONCURRENCY, async ({ timeline, directory }) => {
    signal.throwIfAborted();
    await layReplica(timeline, snapshots.get(timeline.snapshot) ?? new Map(), directory);
  });
}

/** `test/fixtures/snapshots` of the package that holds `start`; a Failure `RecordingsMissing` outside of a clone. */
export function recordingsDirectory(start: string): string {
  let root = start;
  while (!existsSync(join(root, 'package.json')) && dirname(root) !== root) root = dirname(root);
  const path = join(root, 'test', 'fixtures', 'snapshots');
  if (existsSync(path)) return path;
  throw new Failure(
    'RecordingsMissing',
    `the demo needs the recorded WAL in ${path}: run it from a clone of the repository`,
    { retry: 'never' },
  );
}

async function readSnapshot(recordings: string, name: string): Promise<Snapshot> {
  const archive = new TarReader(Readable.from([gunzipSync(await readFile(join(recordings, `${name}.tar.gz`)))]));
  const entries = new Map<string, Buffer>();
  for (let member = await archive.next(); member !== undefined; member = await archive.next()) {
    const pieces: Uint8Array[] = [];
    for (let piece = await archive.readContent(); piece !== undefined; piece = await archive.readContent()) {
      pieces.push(piece);
    }
    entries.set(member.name, Buffer.concat(pieces));
  }
  return entries;
}

async function layReplica(timeline: DemoTimeline, snapshot: Snapshot, directory: DataDirectory): Promise<void> {
  const { laggard } = timeline;
  const lags = laggard !== undefined && directory.safekeeperId === BigInt(laggard.safekeeperId) ? laggard : undefined;
  const { tenantId, timelineId } = timelineOf(timeline);
  const target = join(directory.path, tenantId, timelineId);
  await mkdir(target, { recursive: true });
  for (const [name, content] of snapshot) {
    if (name === CONTROL_FILE_NAME) {
      const recorded = { ...decodeControlFile(content), tenantId, timelineId };
      const commitLsn = lags === undefined ? recorded.commitLsn : lsn(lags.commitLsn);
      await writeFile(join(target, name), encodeControlFile(withElections({ ...recorded, commitLsn }, timeline)));
    } else if (lags === undefined || name < lags.fromSegment) {
      await writeFile(join(target, name), content);
    }
  }
}

function withElections(file: ControlFile, { elections = [] }: DemoTimeline): ControlFile {
  const later = elections.map((election): TermLsn => ({ term: term(election.term), lsn: lsn(election.lsn) }));
  return { ...file, termHistory: [...file.termHistory, ...later], term: later.at(-1)?.term ?? file.term };
}
