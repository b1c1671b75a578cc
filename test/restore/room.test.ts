import { afterEach, beforeEach, expect, test } from 'vitest';
import { Semaphore } from '../../src/base/concurrency.ts';
import { Failure } from '../../src/base/failure.ts';
import { parseTenantId, parseTimelineId, type SafekeeperId } from '../../src/domain/ids.ts';
import { INVALID_LSN } from '../../src/domain/lsn.ts';
import { HttpClient } from '../../src/http/client.ts';
import { Peers } from '../../src/recovery/peers.ts';
import { Room } from '../../src/restore/room.ts';
import { type RestoreContext, TimelineRestore } from '../../src/restore/timeline-restore.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { safekeeperId, type TestAgent } from '../agent/test-agent.ts';
import { OWN_ID, restoreOptions, startPeer, temporaryData, TENANT, type TestDirectory, TIMELINES } from './harness.ts';

const MIB = 1024n * 1024n;
const [FIRST = '', SECOND = ''] = TIMELINES;
/** Beside the reserve of 10 %, a snapshot of these timelines fits, which are 3 MiB; two do not. */
const ROOM_FOR_ONE = { capacityBytes: 50n * MIB, usedBytes: 41n * MIB };
const FULL = { kind: 'Later', reason: 'RecipientDiskFull' };
const RESTORED = { kind: 'Ended', outcome: { kind: 'Restored' } };
const never = new AbortController().signal;

let data: TestDirectory;
let agents: TestAgent[];
let http: HttpClient;
let context: RestoreContext;
/** Those of the only donor, to be taken by a test that wants everybody to wait. */
let permits: Semaphore;

beforeEach(async () => {
  data = temporaryData();
  http = new HttpClient();
  agents = [await startPeer(1), await startPeer(2)];
  const urls = agents.map(({ url }) => url);
  const options = { ...restoreOptions(data.path, urls, http), safekeeperId: safekeeperId(OWN_ID) };
  const { clock } = options;
  const peers = new Peers({
    urls,
    ownId: options.safekeeperId,
    clock,
    connect: (url) => new PeerClient({ http, url }),
  });
  await peers.identify(never);
  permits = new Semaphore(1);
  context = {
    ...options,
    map: await TimelineMap.open(options, never),
    peers,
    sinceMs: clock.monotonicMs(),
    room: new Room(async () => ROOM_FOR_ONE, data.path),
    readOwnership: async () => 'NotConfigured',
    permitsOf: () => permits,
    quarantinedTerms: new Map(),
  };
});

afterEach(async () => {
  for (const disposable of [http, ...agents]) await disposable[Symbol.asyncDispose]();
  data[Symbol.dispose]();
});

function restoreOf(timelineId: string, changes: Partial<RestoreContext> = {}): TimelineRestore {
  return new TimelineRestore(
    { ...context, ...changes },
    {
      tenantId: parseTenantId(TENANT)!,
      timelineId: parseTimelineId(timelineId)!,
      listedBy: [1, 2].map(safekeeperId),
      isNamed: false,
      isToldOf: false,
      flushLsn: INVALID_LSN,
      peerHorizonLsn: INVALID_LSN,
    },
  );
}

async function reservedBytes(): Promise<number> {
  return (await context.room.measure()).reservedBytes;
}

/** As far as the donor, whose only permit is taken. */
async function startWaiting(signal: AbortSignal) {
  const permit = await permits.acquire(signal);
  const ended = restoreOf(FIRST).step(signal);
  await expect.poll(reservedBytes).toBeGreaterThan(0);
  return { permit, ended };
}

test('who waits for a donor has its room; once it is restored others may have it', async () => {
  const { permit, ended } = await startWaiting(never);
  const other = restoreOf(SECOND);
  expect(await other.step(never)).toMatchObject(FULL);
  permit[Symbol.dispose]();
  expect(await ended).toMatchObject(RESTORED);
  expect(await other.step(never)).toMatchObject(RESTORED);
});

test('of two that have seen the same room one gets it', async () => {
  const permit = await permits.acquire(never);
  let looking = 0;
  let showBoth = () => undefined as void;
  const bothLook = new Promise<void>((resolve) => (showBoth = resolve));
  const room = new Room(async () => {
    if (++looking === 2) showBoth();
    await bothLook;
    return ROOM_FOR_ONE;
  }, data.path);
  const steps = [FIRST, SECOND].map((timelineId) => restoreOf(timelineId, { room }).step(never));
  expect(await Promise.race(steps)).toMatchObject(FULL);
  permit[Symbol.dispose]();
  const [ended] = (await Promise.all(steps)).filter(({ kind }) => kind === 'Ended');
  expect(ended).toMatchObject(RESTORED);
});

test('room that was given back while it was thought to be lacking is looked at again', async () => {
  const { permit, ended } = await startWaiting(never);
  let isMeasured = false;
  const room = Object.create(context.room, {
    measure: { value: () => context.room.measure().finally(() => (isMeasured = true)) },
  }) as Room;
  // Keeps the other one from deciding once it has measured.
  const dumps = await context.peers.get(1n as SafekeeperId)!.dumps.acquire(never);
  const other = restoreOf(SECOND, { room }).step(never);
  await expect.poll(() => isMeasured).toBe(true);
  permit[Symbol.dispose]();
  await ended;
  dumps[Symbol.dispose]();
  expect(await other).toMatchObject(FULL);
});

test('room is given back by a copy that fails, and by one that is broken off', async () => {
  const transfers = Object.create(context.transfers, {
    begin: {
      value: () => {
        throw new Failure('TooManyTransfers', 'not now');
      },
    },
  }) as RestoreContext['transfers'];
  expect(await restoreOf(FIRST, { transfers }).step(never)).toMatchObject({ reason: 'TooManyTransfers' });
  expect(await reservedBytes()).toBe(0);

  const stop = new AbortController();
  const { ended } = await startWaiting(stop.signal);
  stop.abort(new Error('stopped'));
  await expect(ended).rejects.toThrow('stopped');
  expect(await reservedBytes()).toBe(0);
});
