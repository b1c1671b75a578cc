import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { systemClock } from '../../src/base/clock.ts';
import { parseSafekeeperId, parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { HttpClient } from '../../src/http/client.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { handlePullRequest } from '../../src/transfer/pull.ts';
import { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import { doomedFileSystem } from './doomed-file-system.ts';

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

void main(process.argv.slice(2));
