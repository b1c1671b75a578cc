import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import { type AgentOptions, startAgent } from '../../src/agent/agent.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { nodeDiskUsage } from '../../src/disk/disk-usage.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { parseSafekeeperId, parseTenantId, parseTimelineId, type SafekeeperId } from '../../src/domain/ids.ts';
import { HttpClient } from '../../src/http/client.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { readGzipFixture } from '../support/fixtures.ts';

export const TENANT = '1'.repeat(32);
/** For `expect.poll`, on a machine that is busy. */
export const PATIENCE = { timeout: 10_000 };

export interface TestAgent extends AsyncDisposable {
  readonly url: string;
  readonly dataDirectory: string;
  readonly tempDirectory: string;
  directoryOf(timelineId: string): string;
  close(graceMs: number): Promise<void>;
}

export interface TestAgentOptions
  extends Partial<
    Pick<
      AgentOptions,
      | 'afterSnapshotList'
      | 'files'
      | 'stallTimeoutMs'
      | 'http'
      | 'tokens'
      | 'server'
      | 'registry'
      | 'remoteStorage'
      | 'log'
    >
  > {
  readonly id?: number;
  /** Puts timelines into the data directory before the agent starts. */
  readonly prepare?: (dataDirectory: string) => Promise<void>;
}

export function safekeeperId(id: number): SafekeeperId {
  const parsed = parseSafekeeperId(id);
  if (parsed === undefined) throw new Error(`${id} is no safekeeper id`);
  return parsed;
}

/** For an agent on a data directory that has its `safekeeper.id`. */
export function agentOptions(dataDirectory: string): AgentOptions {
  return {
    dataDirectory,
    host: '127.0.0.1',
    port: 0,
    files: nodeFileSystem,
    diskUsage: nodeDiskUsage,
    http: new HttpClient(),
    clock: systemClock,
    random: () => randomBytes(8).toString('hex'),
    log: createLogger('silent'),
  };
}

/** An agent in this process, on a data directory of its own that disposing removes. */
export async function startTestAgent({ id = 1, prepare, ...rest }: TestAgentOptions = {}): Promise<TestAgent> {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'agent-'));
  await prepare?.(dataDirectory);
  const options = { ...agentOptions(dataDirectory), safekeeperId: safekeeperId(id), ...rest };
  const agent = await startAgent(options, new AbortController().signal);
  return {
    url: agent.url,
    dataDirectory,
    tempDirectory: join(dataDirectory, 'tmp'),
    directoryOf: (timelineId) => join(dataDirectory, TENANT, timelineId),
    close: (graceMs) => agent.close(graceMs),
    [Symbol.asyncDispose]: async () => {
      await agent[Symbol.asyncDispose]();
      await options.http[Symbol.asyncDispose]();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}

export interface PlacedTimeline {
  readonly snapshot: string;
  /** Defaults to the recorded ids. */
  readonly timelineId?: string;
  readonly tenantId?: string;
  readonly change?: (controlFile: ControlFile) => ControlFile;
}

/** Unpacks a recorded snapshot to where a safekeeper has the timeline, under another id if one is given. */
export async function placeTimeline(dataDirectory: string, placed: PlacedTimeline): Promise<ControlFile> {
  const entries = await readTar(readGzipFixture('snapshots', `${placed.snapshot}.tar.gz`));
  const recorded = decodeControlFile(entries.get(CONTROL_FILE_NAME) ?? Buffer.alloc(0));
  const renamed = {
    ...recorded,
    tenantId: parseTenantId(placed.tenantId ?? '') ?? recorded.tenantId,
    timelineId: parseTimelineId(placed.timelineId ?? '') ?? recorded.timelineId,
  };
  const controlFile = placed.change?.(renamed) ?? renamed;
  const directory = join(dataDirectory, controlFile.tenantId, controlFile.timelineId);
  mkdirSync(directory, { recursive: true });
  for (const [name, content] of entries) writeFileSync(join(directory, name), content);
  writeFileSync(join(directory, CONTROL_FILE_NAME), encodeControlFile(controlFile));
  return controlFile;
}

/** The regular entries of a whole archive by name. */
export async function readTar(archive: Buffer): Promise<Map<string, Buffer>> {
  const entries = new Map<string, Buffer>();
  const reader = Readable.from([archive]).pipe(extract());
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry) chunks.push(chunk as Buffer);
    entries.set(entry.header.name, Buffer.concat(chunks));
  }
  return entries;
}
