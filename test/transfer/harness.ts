import { createHash, randomBytes } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pino } from 'pino';
import { systemClock, type Clock } from '../../src/base/clock.ts';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { parseSafekeeperId, parseTenantId, parseTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { generation, type Membership } from '../../src/domain/membership.ts';
import { HttpClient } from '../../src/http/client.ts';
import { stringifyLosslessJson } from '../../src/http/json.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { donate, type DonateOptions } from '../../src/transfer/donate.ts';
import { handlePullRequest, type PullOptions, type PullRequest } from '../../src/transfer/pull.ts';
import { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import { readGzipFixture, readJsonFixture } from '../support/fixtures.ts';
import { readTarFixture } from '../support/tar-fixtures.ts';

export const silentLog = pino({ level: 'silent' });
export const never = new AbortController().signal;
export const RECIPIENT_ID = 4n;

export interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'transfer-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export function openMap(
  dataDirectory: string,
  options: { files?: FileSystem; clock?: Clock; safekeeperId?: bigint } = {},
): Promise<TimelineMap> {
  const safekeeperId = parseSafekeeperId(options.safekeeperId ?? RECIPIENT_ID);
  return TimelineMap.open(
    {
      files: options.files ?? nodeFileSystem,
      dataDirectory,
      safekeeperId: safekeeperId!,
      clock: options.clock ?? systemClock,
      random: () => randomBytes(8).toString('hex'),
      log: silentLog,
    },
    never,
  );
}

export function timelineId(tenant: string, timeline: string): TenantTimelineId {
  return { tenantId: parseTenantId(tenant)!, timelineId: parseTimelineId(timeline)! };
}

/** A recorded snapshot: the exact body, its files, and the status that the donor gave just before. */
export interface RecordedSnapshot {
  readonly id: TenantTimelineId;
  readonly body: Buffer;
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly status: Record<string, unknown>;
}

export async function recordedSnapshot(name: string): Promise<RecordedSnapshot> {
  const meta = readJsonFixture('snapshots', `${name}.json`) as { status_before: Record<string, unknown> };
  const status = meta.status_before;
  return {
    id: timelineId(String(status['tenant_id']), String(status['timeline_id'])),
    body: readGzipFixture('snapshots', `${name}.tar.gz`),
    files: await readTarFixture('snapshots', `${name}.tar.gz`),
    status,
  };
}

/** Puts files where a safekeeper keeps a timeline. */
export async function layTimeline(
  dataDirectory: string,
  id: TenantTimelineId,
  files: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  for (const [name, content] of files) {
    const path = join(dataDirectory, id.tenantId, id.timelineId, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }
}

/** Name, size and checksum of each file: comparing buffers of megabytes element by element takes seconds. */
export function fingerprints(files: ReadonlyMap<string, Uint8Array>): Map<string, string> {
  const fingerprint = (content: Uint8Array) =>
    `${content.length} bytes, sha256 ${createHash('sha256').update(content).digest('hex')}`;
  return new Map([...files].map(([name, content]) => [name, fingerprint(content)]));
}

/** The files of a live timeline directory by name; nothing when there is none. */
export async function readLiveTimeline(dataDirectory: string, id: TenantTimelineId): Promise<Map<string, Buffer>> {
  const directory = join(dataDirectory, id.tenantId, id.timelineId);
  const names = await readdir(directory).catch(() => []);
  return new Map(await Promise.all(names.map(async (name) => [name, await readFile(join(directory, name))] as const)));
}

/** Safekeeper N listens for computes on port 5470 + N. */
export function configuration(version: number, ids: readonly bigint[]): Membership {
  const members = ids.map((id) => ({ id: parseSafekeeperId(id)!, host: '127.0.0.1', pgPort: 5470 + Number(id) }));
  return { generation: generation(version), members, newMembers: null };
}

/** What lies under `tmp`; nothing may after a pull. */
export async function listTemp(dataDirectory: string): Promise<string[]> {
  return await readdir(join(dataDirectory, 'tmp')).catch(() => []);
}

export interface ScriptedDonor extends AsyncDisposable {
  readonly url: string;
  readonly snapshotsServed: () => number;
}

/** An HTTP server that answers with the given id and status, and lets `sendSnapshot` answer snapshot requests. */
export async function startScriptedDonor(script: {
  readonly id?: number;
  /** A text is sent as 200 JSON. */
  readonly status: string | ((response: ServerResponse) => void);
  readonly sendSnapshot: (response: ServerResponse, attempt: number) => void;
}): Promise<ScriptedDonor> {
  let snapshots = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/v1/status') response.end(JSON.stringify({ id: script.id ?? 1 }));
    else if (path.includes('/snapshot/')) script.sendSnapshot(response, ++snapshots);
    else if (typeof script.status === 'string') response.end(script.status);
    else script.status(response);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    snapshotsServed: () => snapshots,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function statusText(status: Record<string, unknown>, changes: Record<string, unknown> = {}): string {
  return stringifyLosslessJson({ ...status, ...changes });
}

/** A donor that sends a recorded snapshot, or other bytes, in full. */
export function startRecordedDonor(
  snapshot: RecordedSnapshot,
  options: { id?: number; body?: Uint8Array; status?: Record<string, unknown> } = {},
): Promise<ScriptedDonor> {
  return startScriptedDonor({
    id: options.id ?? 1,
    status: statusText(snapshot.status, options.status),
    sendSnapshot: (response) => response.end(options.body ?? snapshot.body),
  });
}

/** A donor that streams a loaded timeline with our own engine and breaks the body when it fails. */
export function startDonorOf(
  map: TimelineMap,
  snapshot: RecordedSnapshot,
  options: Partial<DonateOptions> = {},
): Promise<ScriptedDonor> {
  const meter = new TransferRegistry(systemClock).begin('Snapshot', snapshot.id, 'test').meter;
  const destination = parseSafekeeperId(RECIPIENT_ID)!;
  const send = async (response: ServerResponse) => {
    try {
      const parties = { source: map.safekeeperId, destination, remoteStorage: undefined };
      for await (const bytes of donate(
        map.get(snapshot.id),
        { ...parties, files: map.files, memory: map.memory, meter, ...options },
        never,
      )) {
        await new Promise((resolve) => response.write(bytes, resolve));
      }
      response.end();
    } catch {
      response.destroy();
    }
  };
  return startScriptedDonor({
    status: statusText(snapshot.status),
    sendSnapshot: (response) => void send(response),
  });
}

/** A recipient: an open map, and pulls from given hosts into it. */
export interface Recipient extends AsyncDisposable {
  readonly map: TimelineMap;
  readonly transfers: TransferRegistry;
  pull(
    id: TenantTimelineId,
    hosts: readonly string[],
    changes?: Partial<PullRequest> & { options?: Partial<PullOptions>; signal?: AbortSignal },
  ): Promise<string | null>;
}

export async function openRecipient(
  dataDirectory: string,
  options: Parameters<typeof openMap>[1] = {},
): Promise<Recipient> {
  const map = await openMap(dataDirectory, options);
  const http = new HttpClient();
  const transfers = new TransferRegistry(systemClock);
  return {
    map,
    transfers,
    pull: async (id, hosts, { options: pullOptions, signal, ...request } = {}) => {
      const outcome = await handlePullRequest(
        map,
        { ...id, httpHosts: hosts, membership: undefined, ignoreTombstone: false, ...request },
        {
          connect: (url) => new PeerClient({ http, url }),
          transfers,
          remoteStorage: undefined,
          stallTimeoutMs: 5_000,
          ...pullOptions,
        },
        signal ?? never,
      );
      return outcome.safekeeperHost;
    },
    [Symbol.asyncDispose]: () => http[Symbol.asyncDispose](),
  };
}
