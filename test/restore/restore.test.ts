import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { lsn } from '../../src/domain/lsn.ts';
import { NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import { term } from '../../src/domain/term.ts';
import { HttpClient } from '../../src/http/client.ts';
import { UNFINISHED_FILE_NAME } from '../../src/disk/data-directory.ts';
import { verdictOf } from '../../src/restore/outcome.ts';
import { restore } from '../../src/restore/restore.ts';
import { decodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { StorageControllerClient } from '../../src/safekeeper/storage-controller.ts';
import { safekeeperId } from '../agent/test-agent.ts';
import { freePort } from '../support/free-port.ts';
import { startHttpStub } from '../support/http-stub.ts';
import {
  configuration,
  directoryOf,
  filesOf,
  OWN_ID,
  place,
  restoreOptions,
  run,
  startPeer,
  temporaryData,
  TENANT,
  TIMELINES,
  walOf,
} from './harness.ts';

const [FIRST = '', SECOND = ''] = TIMELINES;

function controlFileOf(dataDirectory: string, timelineId: string) {
  return decodeControlFile(readFileSync(join(directoryOf(dataDirectory, timelineId), 'safekeeper.control')));
}

describe('an empty directory', () => {
  test('gets everything, with the term floor, its id, and nothing left over', async () => {
    using data = temporaryData();
    await using first = await startPeer(1);
    await using second = await startPeer(2, TIMELINES, (file) => ({ ...file, term: term(15n) }));
    const { summary, outcomes } = await run(data.path, [first, second]);
    expect(summary).toMatchObject({
      restored: 4,
      kept: 0,
      refused: 0,
      failed: 0,
      untried: 0,
      unknown: [],
      lacking: [],
    });
    expect(verdictOf(summary)).toBe('Everything');
    for (const timelineId of TIMELINES) {
      expect(outcomes.get(timelineId)).toMatchObject({ kind: 'Restored', fencing: 'ByTerms' });
      expect(walOf(data.path, timelineId)).toEqual(walOf(second.dataDirectory, timelineId));
      expect(walOf(data.path, timelineId).size).toBeGreaterThan(0);
      // Both peers were raised to it as well.
      expect(controlFileOf(data.path, timelineId).term).toBe(15n + 1_024n);
      expect(controlFileOf(first.dataDirectory, timelineId).term).toBe(15n + 1_024n);
    }
    expect(readFileSync(join(data.path, 'safekeeper.id'), 'utf8')).toBe(String(OWN_ID));
    expect(readdirSync(join(data.path, 'tmp'))).toEqual([]);
    expect(existsSync(join(data.path, UNFINISHED_FILE_NAME))).toBe(false);
  });

  test('is also one with lost+found, tmp, id, pid and a tenant without timelines', async () => {
    using data = temporaryData();
    for (const name of ['lost+found', 'tmp', TENANT]) mkdirSync(join(data.path, name));
    writeFileSync(join(data.path, 'safekeeper.pid'), '7');
    writeFileSync(join(data.path, 'safekeeper.id'), String(OWN_ID));
    await using first = await startPeer(1, []);
    await using second = await startPeer(2, []);
    expect(verdictOf((await run(data.path, [first, second], { safekeeperId: undefined })).summary)).toBe('Everything');
  });

  test('timelines of others are left to them, by one list for all', async () => {
    using data = temporaryData();
    const others = (version: number) => configuration(version, [1, 2, 9]);
    await using first = await startPeer(1, TIMELINES, (file, id) =>
      id === FIRST ? file : { ...file, membership: others(7) },
    );
    await using second = await startPeer(2, TIMELINES, (file, id) =>
      id === FIRST ? file : { ...file, membership: others(7) },
    );
    const { summary } = await run(data.path, [first, second]);
    expect(summary).toMatchObject({ restored: 1, notOurs: 0 });
    expect(readdirSync(join(data.path, TENANT))).toEqual([FIRST]);
  });

  test('without configurations three safekeepers are the members, or those that are declared', async () => {
    const without = (file: ReturnType<typeof controlFileOf>) => ({ ...file, membership: NO_MEMBERSHIP });
    await using first = await startPeer(1, [FIRST], without);
    await using second = await startPeer(2, [FIRST], without);
    await using fourth = await startPeer(4, []);
    {
      using data = temporaryData();
      expect((await run(data.path, [first, second])).summary.restored).toBe(1);
    }
    using data = temporaryData();
    const peers = [first, second, fourth];
    const { summary } = await run(data.path, peers);
    expect(summary).toMatchObject({ restored: 0, refused: 1, lacking: [{ outcome: { reason: 'MembersUnknown' } }] });
    expect(verdictOf(summary)).toBe('Refused');
    const declared = [1, 2, OWN_ID].map(safekeeperId);
    expect((await run(data.path, peers, { declared })).summary.restored).toBe(1);
  });
});

describe('a directory that is not empty', () => {
  test('is left alone unless what lacks is asked for', async () => {
    using data = temporaryData();
    await place(data.path, FIRST);
    await using first = await startPeer(1);
    await using second = await startPeer(2);
    await using http = new HttpClient();
    const options = restoreOptions(data.path, [first.url, second.url], http);
    const never = new AbortController().signal;
    expect(await restore(options, never)).toEqual({ kind: 'NotNeeded', timelines: 1 });
    expect(readdirSync(join(data.path, TENANT))).toEqual([FIRST]);

    const before = filesOf(data.path, FIRST);
    const { summary, outcomes } = await run(data.path, [first, second], { mode: 'Missing' });
    expect(summary).toMatchObject({ restored: 3, kept: 1 });
    expect(outcomes.get(FIRST)).toEqual({ kind: 'Kept' });
    expect(filesOf(data.path, FIRST)).toEqual(before);
  });

  test('a hollow replica is reported, or set aside and restored with a term above its own', async () => {
    using data = temporaryData();
    const hollow = term(5_000n);
    await place(data.path, FIRST, (file) => ({
      ...file,
      term: hollow,
      commitLsn: lsn(0n),
      remoteConsistentLsn: lsn(0n),
      backupLsn: lsn(0n),
    }));
    await using first = await startPeer(1, [FIRST], (file) => ({ ...file, peerHorizonLsn: file.commitLsn }));
    await using second = await startPeer(2, [FIRST], (file) => ({ ...file, peerHorizonLsn: file.commitLsn }));
    const before = filesOf(data.path, FIRST);
    const reported = await run(data.path, [first, second], { mode: 'Missing' });
    expect(reported.outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'ReplicaHollow' });
    expect(filesOf(data.path, FIRST)).toEqual(before);

    const { outcomes, summary } = await run(data.path, [first, second], { mode: 'Missing', replaceHollow: true });
    expect(verdictOf(summary)).toBe('Everything');
    const outcome = outcomes.get(FIRST);
    expect(outcome).toMatchObject({ kind: 'Restored' });
    const [name = ''] = readdirSync(join(data.path, 'quarantine'));
    expect(outcome).toMatchObject({ setAside: join(data.path, 'quarantine', name) });
    expect(readFileSync(join(data.path, 'quarantine', name, 'safekeeper.control')).toString('base64')).toBe(
      before.get('safekeeper.control'),
    );
    expect(controlFileOf(data.path, FIRST).term).toBe(hollow + 1_024n);
    expect(walOf(data.path, FIRST)).toEqual(walOf(first.dataDirectory, FIRST));
  });

  test('one that cannot be loaded is named though no peer knows it: that is no success', async () => {
    using data = temporaryData();
    await place(data.path, FIRST);
    truncateSync(join(directoryOf(data.path, FIRST), 'safekeeper.control'), 2);
    await using first = await startPeer(1, []);
    await using second = await startPeer(2, []);
    const { summary, outcomes } = await run(data.path, [first, second], { mode: 'Missing' });
    expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'ReplicaCorrupt' });
    expect(verdictOf(summary)).toBe('Refused');
  });

  test('a part that was asked for by hand keeps no safekeeper from its next start', async () => {
    using data = temporaryData();
    await place(data.path, FIRST);
    const silent = { url: `http://127.0.0.1:${await freePort()}` };
    const { summary } = await run(data.path, [silent], { mode: 'Missing' });
    expect(verdictOf(summary)).not.toBe('Everything');
    await using http = new HttpClient();
    const next = await restore(restoreOptions(data.path, [silent.url], http), new AbortController().signal);
    expect(next).toEqual({ kind: 'NotNeeded', timelines: 1 });
  });

  test('a replica that nobody can vouch for is not called whole', async () => {
    using data = temporaryData();
    await place(data.path, FIRST);
    const silent = { url: `http://127.0.0.1:${await freePort()}` };
    const readList = async () => [{ tenantId: TENANT, timelineId: FIRST }] as never;
    const { outcomes } = await run(data.path, [silent], { mode: 'Missing', readList });
    expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'WaitingForWitnesses' });
  });

  test('what a replica in quarantine has voted in is not forgotten', async () => {
    using data = temporaryData();
    await placeInQuarantine(data.path, 9_000n);
    await using first = await startPeer(1, [FIRST]);
    await using second = await startPeer(2, [FIRST]);
    await run(data.path, [first, second]);
    expect(controlFileOf(data.path, FIRST).term).toBe(9_000n + 1_024n);
  });

  test('nor is it when a hollow replica with a lower term is there again', async () => {
    using data = temporaryData();
    await placeInQuarantine(data.path, 9_000n);
    const none = { commitLsn: lsn(0n), remoteConsistentLsn: lsn(0n), backupLsn: lsn(0n) };
    await place(data.path, FIRST, (file) => ({ ...file, ...none, term: term(8n) }));
    await using first = await startPeer(1, [FIRST], (file) => ({ ...file, peerHorizonLsn: file.commitLsn }));
    await using second = await startPeer(2, [FIRST], (file) => ({ ...file, peerHorizonLsn: file.commitLsn }));
    await run(data.path, [first, second], { mode: 'Missing', replaceHollow: true });
    expect(controlFileOf(data.path, FIRST).term).toBe(9_000n + 1_024n);
  });
});

describe('peers', () => {
  test('one that does not answer blocks only what needs it, and the rest is a part', async () => {
    using data = temporaryData();
    const withoutIt = configuration(7, [1, 2, OWN_ID]);
    const withIt = configuration(7, [1, 5, OWN_ID]);
    const change = (file: ReturnType<typeof controlFileOf>, id: string) => ({
      ...file,
      membership: id === FIRST ? withIt : withoutIt,
    });
    await using first = await startPeer(1, TIMELINES, change);
    await using second = await startPeer(2, TIMELINES.slice(1), change);
    const silent = { url: `http://127.0.0.1:${await freePort()}` };
    const { summary, outcomes } = await run(data.path, [first, second, silent], { unknownTimeoutMs: 3_000 });
    expect(summary).toMatchObject({ restored: 3, refused: 1 });
    expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'WaitingForWitnesses' });
    expect(summary.unknown).toEqual([expect.stringContaining(silent.url)]);
    expect(verdictOf(summary)).toBe('Part');
    expect(existsSync(join(data.path, UNFINISHED_FILE_NAME))).toBe(true);
  });

  test('none at all: nothing is restored, and it does not count as everything', async () => {
    using data = temporaryData();
    const silent = { url: `http://127.0.0.1:${await freePort()}` };
    const { summary } = await run(data.path, [silent]);
    expect(verdictOf(summary)).toBe('Nothing');
    expect(summary.unknown).toEqual([expect.stringMatching(/ECONNREFUSED/)]);
  });

  test('one that refuses the token ends it at once', async () => {
    using data = temporaryData();
    await using refusing = await startHttpStub((request, response) => {
      if (request.url === '/v1/status') response.end('{"id": 1}');
      else response.writeHead(403).end('{"msg": "JWT authentication error"}');
    });
    const { summary } = await run(data.path, [refusing]);
    expect(summary.stopped).toEqual({
      reason: 'CredentialsInvalid',
      message: `${refusing.url}: answered 403: JWT authentication error`,
    });
    expect(verdictOf(summary)).toBe('Nothing');
  });

  test('a live safekeeper with our own id is refused', async () => {
    using data = temporaryData();
    await using self = await startPeer(OWN_ID);
    const { summary } = await run(data.path, [self]);
    expect(summary.stopped?.reason).toBe('SafekeeperIdConflict');
    expect(verdictOf(summary)).toBe('Refused');
  });

  test('the last written timeline comes first, one with a compute before all', async () => {
    using data = temporaryData();
    await using first = await startPeer(1);
    await using second = await startPeer(2);
    for (const [index, timelineId] of TIMELINES.entries()) {
      for (const { dataDirectory } of [first, second]) {
        for (const name of walOf(dataDirectory, timelineId).keys()) {
          utimesSync(join(directoryOf(dataDirectory, timelineId), name), 1_700_000_000, 1_700_000_000 + index);
        }
      }
    }
    const { outcomes } = await run(data.path, [first, second], { concurrencyMax: 1 });
    expect([...outcomes.keys()]).toEqual(TIMELINES.toReversed());
  });
});

describe('a list in place of the peers', () => {
  test('of the storage controller is what is restored, and nothing else', async () => {
    using data = temporaryData();
    await using first = await startPeer(1);
    await using second = await startPeer(2);
    await using controller = await startHttpStub((_request, response) => {
      response.end(JSON.stringify({ timelines: [{ tenant_id: TENANT, timeline_id: SECOND, peers: [1, 2] }] }));
    });
    await using http = new HttpClient();
    const storageController = new StorageControllerClient({ http, url: controller.url });
    const { summary } = await run(data.path, [first, second], { storageController });
    expect(verdictOf(summary)).toBe('Everything');
    expect(readdirSync(join(data.path, TENANT))).toEqual([SECOND]);
    expect(controller.requests[0]?.path).toBe(`/control/v1/safekeeper/${OWN_ID}/timelines`);
  });

  test('that cannot be had is no empty list', async () => {
    using data = temporaryData();
    await using first = await startPeer(1);
    await using second = await startPeer(2);
    await using http = new HttpClient();
    const storageController = new StorageControllerClient({ http, url: `http://127.0.0.1:${await freePort()}` });
    const { summary } = await run(data.path, [first, second], { storageController });
    expect(verdictOf(summary)).toBe('Nothing');
    expect(summary.unknown).toHaveLength(1);
  });

  test('names a timeline whose members are others: that is no success', async () => {
    using data = temporaryData();
    const membership = configuration(7, [1, 2, 9]);
    await using first = await startPeer(1, [FIRST], (file) => ({ ...file, membership }));
    await using second = await startPeer(2, [FIRST], (file) => ({ ...file, membership }));
    const readList = async () => [{ tenantId: TENANT, timelineId: FIRST }] as never;
    const { outcomes, summary } = await run(data.path, [first, second], { readList });
    expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'NotAMember' });
    expect(verdictOf(summary)).toBe('Refused');
  });

  test('waits for a peer that comes up later', async () => {
    using data = temporaryData();
    await using first = await startPeer(1, [FIRST]);
    await using second = await startPeer(2, [FIRST]);
    const port = await freePort();
    const readList = async () => [{ tenantId: TENANT, timelineId: FIRST }] as never;
    const running = run(data.path, [first, { url: `http://127.0.0.1:${port}` }], {
      readList,
      unknownTimeoutMs: 60_000,
    });
    await delay(300);
    const door = createServer((socket) => {
      const upstream = connect(Number(new URL(second.url).port), '127.0.0.1');
      socket.on('error', () => upstream.destroy());
      upstream.on('error', () => socket.destroy());
      socket.pipe(upstream).pipe(socket);
    }).listen(port, '127.0.0.1');
    const { summary } = await running.finally(() => door.close());
    expect(verdictOf(summary)).toBe('Everything');
  });

  test('names a timeline that nobody has', async () => {
    using data = temporaryData();
    await using first = await startPeer(1, []);
    await using second = await startPeer(2, []);
    const readList = async () => [{ tenantId: TENANT, timelineId: FIRST }] as never;
    const { outcomes } = await run(data.path, [first, second], { readList });
    expect(outcomes.get(FIRST)).toMatchObject({ kind: 'Refused', reason: 'AllReplicasLost' });
  });
});

test('a person or a deadline may stop it; what was not tried is a part', async () => {
  using data = temporaryData();
  await using first = await startPeer(1);
  await using second = await startPeer(2, TIMELINES.slice(1));
  await using third = await startPeer(4, [FIRST]);
  const stop = new AbortController();
  const run1 = run(data.path, [first, second, third], {
    signal: stop.signal,
    concurrencyMax: 1,
    unknownTimeoutMs: 60_000,
  });
  setTimeout(() => stop.abort('SIGTERM'), 300);
  const { summary } = await run1;
  expect(summary.restored + summary.refused + summary.untried).toBe(4);
  expect(verdictOf(summary)).not.toBe('Everything');
});

/** Where `--replace-hollow` moves a replica to, with what it has voted in. */
async function placeInQuarantine(dataDirectory: string, votedIn: bigint): Promise<void> {
  const quarantine = join(dataDirectory, 'quarantine');
  await place(quarantine, FIRST, (file) => ({ ...file, term: term(votedIn) }));
  renameSync(directoryOf(quarantine, FIRST), join(quarantine, `${TENANT}_${FIRST}_1`));
  rmSync(join(quarantine, TENANT), { recursive: true });
}
