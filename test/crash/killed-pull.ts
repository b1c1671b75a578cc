import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import type { FileSystem, OpenFile } from '../../src/disk/file-system.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { parseSafekeeperId, parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { HttpClient } from '../../src/http/client.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { handlePullRequest } from '../../src/transfer/pull.ts';
import { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';

// The program that killed-pull.test.ts starts: opens `dataDirectory` as safekeeper `id`, pulls a timeline from `host`, and
// kills itself at the `killAt`-th step that changes the disk; half a write is a step of its own.

async function main(args: readonly string[]): Promise<void> {
  const [dataDirectory, host, tenant, timeline, id, killAt] = args as [string, string, string, string, string, string];
  const safekeeperId = parseSafekeeperId(BigInt(id));
  const tenantId = parseTenantId(tenant);
  const timelineId = parseTimelineId(timeline);
  if (safekeeperId === undefined || tenantId === undefined || timelineId === undefined) throw new Error('bad ids');
  const { signal } = new AbortController();
  const map = await TimelineMap.open(
    {
      files: doomedFileSystem(Number(killAt)),
      dataDirectory,
      safekeeperId,
      clock: systemClock,
      random: () => randomBytes(8).toString('hex'),
      log: pino({ level: 'silent' }),
    },
    signal,
  );
  await using http = new HttpClient();
  await handlePullRequest(
    map,
    { tenantId, timelineId, httpHosts: [host], membership: undefined, ignoreTombstone: false },
    {
      connect: (url) => new PeerClient({ http, url }),
      transfers: new TransferRegistry(systemClock),
      remoteStorage: undefined,
      stallTimeoutMs: 5_000,
    },
    signal,
  );
}

function doomedFileSystem(killAt: number): FileSystem {
  let steps = 0;
  const step = async () => {
    if (++steps < killAt) return;
    process.kill(process.pid, 'SIGKILL');
    await new Promise(() => undefined);
  };
  const after = async <Output>(run: () => Promise<Output>): Promise<Output> => {
    await step();
    return await run();
  };
  return {
    status: (path) => nodeFileSystem.status(path),
    list: (path) => nodeFileSystem.list(path),
    open: async (path, mode) => {
      if (mode === 'Read') return await nodeFileSystem.open(path, mode);
      return doomedFile(await after(() => nodeFileSystem.open(path, mode)), step, after);
    },
    makeDirectory: (path) => after(() => nodeFileSystem.makeDirectory(path)),
    rename: (from, to) => after(() => nodeFileSystem.rename(from, to)),
    remove: (path) => after(() => nodeFileSystem.remove(path)),
    syncDirectory: (path) => after(() => nodeFileSystem.syncDirectory(path)),
  };
}

function doomedFile(
  file: OpenFile,
  step: () => Promise<void>,
  after: <Output>(run: () => Promise<Output>) => Promise<Output>,
): OpenFile {
  return {
    readAt: (buffer, position) => file.readAt(buffer, position),
    extentAt: (position) => file.extentAt(position),
    status: () => file.status(),
    writev: async (buffers, position) => {
      await step();
      const bytes = Buffer.concat(buffers);
      const half = bytes.length >> 1;
      await file.writev([bytes.subarray(0, half)], position);
      await step();
      await file.writev([bytes.subarray(half)], position + half);
    },
    datasync: () => after(() => file.datasync()),
    sync: () => after(() => file.sync()),
    truncate: (sizeBytes) => after(() => file.truncate(sizeBytes)),
    [Symbol.asyncDispose]: async () => await file[Symbol.asyncDispose](),
  };
}

void main(process.argv.slice(2));
