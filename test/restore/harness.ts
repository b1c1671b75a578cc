import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { generation, type Membership } from '../../src/domain/membership.ts';
import { term } from '../../src/domain/term.ts';
import { HttpClient } from '../../src/http/client.ts';
import { restore, type RestoreOptions } from '../../src/restore/restore.ts';
import type { RestoreSummary, TimelineOutcome } from '../../src/restore/outcome.ts';
import { Tally } from '../../src/restore/tally.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import { fastClock } from '../support/fast-clock.ts';
import {
  placeTimeline,
  safekeeperId,
  startTestAgent,
  TENANT,
  type TestAgent,
  type TestAgentOptions,
} from '../agent/test-agent.ts';

export { TENANT };
export const OWN_ID = 3;
export const TIMELINES = ['1', '2', '3', '4'].map((digit) => `a${digit.padStart(31, '0')}`);
const SNAPSHOT = 'resident_partial';
const GIB = 1024n ** 3n;

export const MEMBERS = configuration(7, [1, 2, OWN_ID]);

export function configuration(version: number, ids: readonly number[]): Membership {
  const members = ids.map((id) => ({ id: safekeeperId(id), host: `sk-${id}`, pgPort: 5454 }));
  return { generation: generation(version), members, newMembers: null };
}

export type Change = (controlFile: ControlFile, timelineId: string) => ControlFile;

/** A peer with these timelines, of which we are a member unless it is changed. */
export function startPeer(
  id: number,
  timelineIds: readonly string[] = TIMELINES,
  change: Change = (file) => file,
  options: TestAgentOptions = {},
): Promise<TestAgent> {
  return startTestAgent({
    id,
    prepare: async (directory) => {
      for (const timelineId of timelineIds) await place(directory, timelineId, change);
    },
    ...options,
  });
}

/** Puts a timeline into a data directory. */
export async function place(directory: string, timelineId: string, change: Change = (file) => file): Promise<void> {
  await placeTimeline(directory, {
    snapshot: SNAPSHOT,
    timelineId,
    tenantId: TENANT,
    change: (file) => change({ ...file, membership: MEMBERS, term: term(10n) }, timelineId),
  });
}

export interface TestDirectory extends Disposable {
  readonly path: string;
}

export function temporaryData(): TestDirectory {
  const path = mkdtempSync(join(tmpdir(), 'restore-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** What a test may change. */
export type Changes = Partial<RestoreOptions> & { readonly signal?: AbortSignal };

export interface TestRun {
  readonly summary: RestoreSummary;
  /** By timeline id. */
  readonly outcomes: ReadonlyMap<string, TimelineOutcome>;
}

export function restoreOptions(dataDirectory: string, urls: readonly string[], http: HttpClient): RestoreOptions {
  return {
    dataDirectory,
    safekeeperId: safekeeperId(OWN_ID),
    mode: 'OnlyIfEmpty',
    replaceHollow: false,
    peerUrls: urls,
    storageController: undefined,
    readList: undefined,
    declared: undefined,
    concurrencyMax: 4,
    perDonorMax: 2,
    attemptsMax: 3,
    timeoutMs: 20_000,
    unknownTimeoutMs: 1_000,
    stallTimeoutMs: 5_000,
    files: nodeFileSystem,
    diskUsage: async () => ({ capacityBytes: 100n * GIB, usedBytes: GIB }),
    http,
    remoteStorage: undefined,
    transfers: new TransferRegistry(systemClock),
    tally: new Tally(),
    // Backoff and waiting for silent peers take a tenth of their time.
    clock: fastClock(10),
    random: () => randomBytes(8).toString('hex'),
    log: createLogger('silent'),
  };
}

/** Restores into the directory; fails the test when there was nothing to do. */
export async function run(
  dataDirectory: string,
  peers: readonly { url: string }[],
  changes: Changes = {},
): Promise<TestRun> {
  const outcomes = new Map<string, TimelineOutcome>();
  await using http = new HttpClient();
  const { signal = new AbortController().signal, ...rest } = changes;
  const tally = new Tally({
    onFound: () => undefined,
    onSilence: () => undefined,
    onLater: () => undefined,
    onEnded: ({ timelineId }, outcome) => void outcomes.set(timelineId, outcome),
  });
  const options = {
    ...restoreOptions(
      dataDirectory,
      peers.map(({ url }) => url),
      http,
    ),
    tally,
    ...rest,
  };
  const result = await restore(options, signal);
  if (result.kind !== 'Done') throw new Error(`the directory has ${result.timelines} timelines`);
  return { summary: result.summary, outcomes };
}

export function directoryOf(dataDirectory: string, timelineId: string): string {
  return join(dataDirectory, TENANT, timelineId);
}

/** Names and contents of a timeline's files; nothing when there is no such directory. */
export function filesOf(dataDirectory: string, timelineId: string): Map<string, string> {
  const directory = directoryOf(dataDirectory, timelineId);
  const names = existsSync(directory) ? readdirSync(directory).sort() : [];
  return new Map(names.map((name) => [name, readFileSync(join(directory, name)).toString('base64')]));
}

/** The WAL alone: a control file has its own term. */
export function walOf(dataDirectory: string, timelineId: string): Map<string, string> {
  const files = filesOf(dataDirectory, timelineId);
  files.delete('safekeeper.control');
  return files;
}
