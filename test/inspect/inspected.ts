import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { type Finding, severityOf } from '../../src/inspect/finding.ts';
import { inspectDirectory, type InspectOptions } from '../../src/inspect/inspect-directory.ts';
import type { DirectoryReport, TimelineReport } from '../../src/inspect/report.ts';
import { checkInThisThread } from '../../src/inspect/stretch-threads.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { type PlacedTimeline, placeTimeline, TENANT } from '../agent/test-agent.ts';

/** The id of the safekeeper that the recorded uploads belong to. */
export const SAFEKEEPER_ID = '4';

/** A data directory with recorded timelines that is removed when it is disposed. */
export interface TestDirectory extends AsyncDisposable {
  readonly path: string;
  /** Where the timeline is. */
  place(placed: PlacedTimeline): Promise<string>;
}

export async function testDirectory(): Promise<TestDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'inspect-'));
  await writeFile(join(path, 'safekeeper.id'), SAFEKEEPER_ID);
  return {
    path,
    place: async (placed) => {
      const { tenantId, timelineId }: ControlFile = await placeTimeline(path, placed);
      return join(path, tenantId, timelineId);
    },
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export interface Inspected {
  readonly timelines: readonly TimelineReport[];
  readonly directory: DirectoryReport;
  /** Of the directory and all timelines. */
  readonly findings: readonly Finding[];
}

export async function inspect(dataDirectory: string, options: Partial<InspectOptions> = {}): Promise<Inspected> {
  const reports = inspectDirectory(
    {
      files: nodeFileSystem,
      dataDirectory,
      deep: true,
      checker: checkInThisThread(nodeFileSystem),
      inUseBy: undefined,
      tenantId: undefined,
      timelineId: undefined,
      ...options,
    },
    new AbortController().signal,
  );
  const timelines: TimelineReport[] = [];
  for (;;) {
    const { done, value } = await reports.next();
    if (done) {
      const findings = [...value.findings, ...timelines.flatMap((timeline) => timeline.findings)];
      return { timelines, directory: value, findings };
    }
    timelines.push(value);
  }
}

export function problemsOf({ findings }: Pick<Inspected, 'findings'>): Finding[] {
  return findings.filter((finding) => severityOf(finding) === 'Problem');
}

/** Everything about a tree that an inspection could change: names, sizes, times, content. */
export async function snapshotOf(directory: string): Promise<string[]> {
  const names = (await readdir(directory, { recursive: true })).sort();
  const lines = [];
  for (const name of ['.', ...names]) {
    const path = join(directory, name);
    const { mtimeNs, ctimeNs, size, ino, mode, isFile } = await describe(path);
    const hash = isFile ? createHash('sha256').update(readFileSync(path)).digest('hex') : '';
    lines.push([name, mtimeNs, ctimeNs, size, ino, mode, hash].join(' '));
  }
  return lines;
}

async function describe(path: string) {
  const status = await stat(path, { bigint: true });
  return { ...status, isFile: status.isFile() };
}

export { TENANT };
