import { systemClock } from '../../src/base/clock.ts';
import { expect, test } from 'vitest';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import { HttpClient } from '../../src/http/client.ts';
import { Peers } from '../../src/recovery/peers.ts';
import { Inventory } from '../../src/restore/inventory.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { startHttpStub } from '../support/http-stub.ts';

const TENANT = '1'.repeat(32);
const TIMELINE = '2'.repeat(32);
const never = new AbortController().signal;

interface Told {
  readonly generation: number;
  readonly members: readonly number[];
  readonly computes?: number;
  readonly modified?: string;
}

/** Timelines by id, and what a dump tells of each; undefined where dumps are not offered. */
function startPeer(id: number, timelines: Readonly<Record<string, Told>>, offersDump = true) {
  return startHttpStub((request, response) => {
    const path = request.url ?? '';
    const names = Object.keys(timelines);
    if (path === '/v1/status') response.end(JSON.stringify({ id }));
    else if (path === '/v1/tenant/timeline')
      response.end(JSON.stringify(names.map((timeline) => ({ tenant_id: TENANT, timeline_id: timeline }))));
    else if (offersDump) response.end(JSON.stringify({ timelines: names.map((name) => dump(name, timelines[name]!)) }));
    else response.writeHead(404).end('Not Found');
  });
}

function dump(timeline: string, { generation, members, computes = 0, modified }: Told) {
  return {
    tenant_id: TENANT,
    timeline_id: timeline,
    control_file: {
      mconf: { generation, members: members.map((id) => ({ id, host: 'sk', pg_port: 1 })), new_members: null },
      peer_horizon_lsn: '0/10',
    },
    memory: { flush_lsn: '0/20', num_computes: computes },
    wal_last_modified: modified ?? null,
  };
}

async function scan(urls: readonly string[], http: HttpClient) {
  const ownId = 3n as SafekeeperId;
  const peers = new Peers({ urls, ownId, clock: systemClock, connect: (url) => new PeerClient({ http, url }) });
  const inventory = new Inventory({ source: { kind: 'Peers' }, peers, ownId });
  return { found: await inventory.scan(never), inventory };
}

const OTHERS: Told = { generation: 4, members: [1, 2, 9] };
const OURS: Told = { generation: 5, members: [1, 2, 3] };

test('two calls for each peer tell which timelines are ours, and in which order they are to come back', async () => {
  await using http = new HttpClient();
  const [old, busy, fresh] = ['3', '4', '5'].map((digit) => digit.repeat(32)) as [string, string, string];
  const timelines = {
    [TIMELINE]: OTHERS,
    [old]: { ...OURS, modified: '2026-01-01T00:00:00.123456789Z' },
    [busy]: { ...OURS, computes: 1 },
    [fresh]: { ...OURS, modified: '2026-02-01T00:00:00Z' },
  };
  await using first = await startPeer(1, timelines);
  await using second = await startPeer(2, { [fresh]: OURS });
  const { found, inventory } = await scan([first.url, second.url], http);
  expect(found.map(({ timelineId }) => timelineId)).toEqual([busy, fresh, old]);
  expect(found[1]).toMatchObject({ listedBy: [1n, 2n], flushLsn: 0x20n, peerHorizonLsn: 0x10n, isNamed: false });
  expect(inventory.missing).toEqual([]);
  expect(first.requests.map(({ path }) => path.split('?')[0])).toEqual([
    '/v1/status',
    '/v1/tenant/timeline',
    '/v1/debug_dump',
  ]);
  expect(await inventory.scan(never)).toEqual([]);
});

test('the newest configuration says whose it is; while one that has it does not tell, it is not left out', async () => {
  await using http = new HttpClient();
  await using first = await startPeer(1, { [TIMELINE]: OTHERS });
  await using newer = await startPeer(2, { [TIMELINE]: OURS });
  await using mute = await startPeer(2, { [TIMELINE]: OURS }, false);
  expect((await scan([first.url], http)).found).toEqual([]);
  expect((await scan([first.url, newer.url], http)).found).toHaveLength(1);
  expect((await scan([first.url, mute.url], http)).found).toHaveLength(1);
});

test('a list that is cut is no list', async () => {
  await using http = new HttpClient();
  await using cut = await startHttpStub((request, response) => {
    if (request.url === '/v1/status') response.end('{"id": 1}');
    else response.end('[{"tenant_id": "');
  });
  const { found, inventory } = await scan([cut.url], http);
  expect(found).toEqual([]);
  expect(inventory.missing).toEqual([expect.stringContaining('timeline list')]);
});
