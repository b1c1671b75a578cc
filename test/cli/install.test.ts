import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { acquirePidLock } from '../../src/disk/pid-lock.ts';
import { readTexts } from '../../src/disk/read-texts.ts';
import { openPublicKeys, TokenVerifier } from '../../src/http/token-verifier.ts';
import type { Term } from '../../src/domain/term.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { decodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { exchange } from '../agent/exchange.ts';
import {
  PATIENCE,
  type PlacedTimeline,
  placeTimeline,
  startTestAgent,
  TENANT,
  type TestAgent,
  type TestAgentOptions,
} from '../agent/test-agent.ts';
import { readGzipFixture } from '../support/fixtures.ts';
import { freePort } from '../support/free-port.ts';
import { tokenIssuer } from '../support/tokens.ts';
import { fingerprints, silentLog } from '../transfer/harness.ts';
import { ended, type Ran, runBuilt, startBuilt } from './run-built.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const NAME = `${TENANT}/${TIMELINE}`;
/** How far above all terms a fence goes. */
const FENCE = 1_024n;

let directory: string;
let data: string;
let file: string;
let peers: TestAgent[];
/** Whom it asks. */
let urls: string[];

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'install-'));
  data = join(directory, 'data');
  file = join(directory, 'timeline.tar');
  mkdirSync(data);
  peers = [];
  urls = [];
});

afterEach(async () => {
  await stopPeers();
  rmSync(directory, { recursive: true, force: true });
});

async function startPeer(
  id: number,
  snapshot: string | undefined,
  { change, ...options }: TestAgentOptions & Pick<PlacedTimeline, 'change'> = {},
): Promise<TestAgent> {
  const peer = await startTestAgent({
    id,
    ...options,
    prepare: async (directoryOfPeer) => {
      if (snapshot === undefined) return;
      const placed = { snapshot, timelineId: TIMELINE, ...(change === undefined ? {} : { change }) };
      await placeTimeline(directoryOfPeer, placed);
    },
  });
  peers.push(peer);
  urls.push(peer.url);
  return peer;
}

async function stopPeers(): Promise<void> {
  for (const peer of peers.splice(0)) await peer[Symbol.asyncDispose]();
  urls = [];
}

/** The two peers of safekeeper 3 and the archive of one of them. */
async function lose(snapshot: string): Promise<void> {
  const [first] = [await startPeer(1, snapshot), await startPeer(2, snapshot)];
  const ran = await runBuilt(['snapshot', NAME, '--from', first.url, '--for', '3', '--to', file]);
  expect(ran.code, ran.errors).toBe(0);
}

function argvWith(...changes: readonly string[]): string[] {
  return ['install', file, '--data-dir', data, '--id', '3', ...urls.flatMap((url) => ['--peer', url]), ...changes];
}

function install(...changes: readonly string[]): Promise<Ran> {
  return runBuilt(argvWith(...changes));
}

function filesOf(timelineDirectory: string): Map<string, Buffer> {
  const names = readdirSync(timelineDirectory).sort();
  return new Map(names.map((name) => [name, readFileSync(join(timelineDirectory, name))]));
}

/** The same WAL as the peer has, the same control file but for the term, which is that of the fence. */
function expectCopy(of: TestAgent, termBefore: bigint): void {
  const copy = filesOf(join(data, TENANT, TIMELINE));
  const original = filesOf(of.directoryOf(TIMELINE));
  const [ours, theirs] = [copy, original].map((files) => decodeControlFile(files.get('safekeeper.control')!));
  expect(ours?.term).toBe(termBefore + FENCE);
  expect({ ...ours, partialBackup: [] }).toEqual({ ...theirs, partialBackup: [] });
  for (const files of [copy, original]) files.delete('safekeeper.control');
  expect(fingerprints(copy)).toEqual(fingerprints(original));
  expect(readdirSync(join(data, 'tmp'))).toEqual([]);
}

function expectNothing(): void {
  expect(existsSync(join(data, TENANT))).toBe(false);
  expect(existsSync(join(data, 'tmp')) ? readdirSync(join(data, 'tmp')) : []).toEqual([]);
}

function expectLine({ code, errors }: Ran, expected: number, line: RegExp): void {
  expect(errors).toMatch(line);
  expect(code, errors).toBe(expected);
  if (expected !== 2)
    expect(
      errors
        .trimEnd()
        .split('\n')
        .filter((text) => !text.startsWith('{')),
    ).toHaveLength(1);
}

function termOf(snapshot: string): bigint {
  // The first entry is the control file.
  const bytes = readGzipFixture('snapshots', `${snapshot}.tar.gz`);
  const sizeBytes = Number.parseInt(bytes.toString('latin1', 124, 135), 8);
  return decodeControlFile(bytes.subarray(512, 512 + sizeBytes)).term;
}

describe('round trip', () => {
  test.each(['resident_14_segments', 'resident_partial', 'full_segments_no_partial', 'gen0_v9'])(
    '%s, from an agent to a file to a data directory that an agent serves',
    async (snapshot) => {
      await lose(snapshot);
      const ran = await install();
      expect(ran.code, ran.errors).toBe(0);
      const lines = ran.errors
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.at(-1)).toMatchObject({ msg: 'timeline installed', tenant: TENANT, timeline: TIMELINE });
      expectCopy(peers[0]!, termOf(snapshot));
    },
  );

  test('from a data directory through a pipe', async () => {
    const snapshot = 'resident_14_segments';
    await startPeer(1, snapshot);
    await startPeer(2, snapshot);
    const offline = join(directory, 'offline');
    mkdirSync(offline);
    await placeTimeline(offline, { snapshot, timelineId: TIMELINE });
    writeFileSync(join(offline, 'safekeeper.id'), '9');
    const from = startBuilt(['snapshot', NAME, '--from', offline, '--for', '3', '--to', '-']);
    file = '-';
    const to = startBuilt(argvWith());
    const [, installed] = await Promise.all([pipeline(from.stdout!, to.stdin!), ended(to)]);
    expect(installed.code, installed.errors).toBe(0);
    expectCopy(peers[0]!, termOf(snapshot));
  });

  test('what was installed is served', async () => {
    await lose('resident_partial');
    expect((await install()).code).toBe(0);
    const path = `/v1/tenant/${TENANT}/timeline/${TIMELINE}`;
    const status = async (url: string) => JSON.parse((await exchange(url, { path })).body.toString()) as object;
    const agent = startBuilt(['agent', '--data-dir', data, '--listen', `127.0.0.1:${await freePort()}`]);
    const line = (await once(agent.stderr!, 'data')) as [Buffer];
    const { url } = JSON.parse(line[0].toString()) as { url: string };
    const [ours, theirs] = [await status(url), await status(peers[0]!.url)] as { flush_lsn: string }[];
    expect(ours?.flush_lsn).toBe(theirs?.flush_lsn);
    agent.kill('SIGTERM');
    expect((await once(agent, 'exit'))[0]).toBe(0);
  });
});

describe('safety', () => {
  test('the term is above what any peer has voted in, and theirs, too', async () => {
    await lose('resident_partial');
    const path = `/v1/tenant/${TENANT}/timeline/${TIMELINE}/term_bump`;
    await exchange(peers[1]!.url, { method: 'POST', path, body: '{"term": 77}' });
    expect((await install()).code).toBe(0);
    for (const home of [join(data, TENANT, TIMELINE), ...peers.map((peer) => peer.directoryOf(TIMELINE))]) {
      expect(decodeControlFile(readFileSync(join(home, 'safekeeper.control'))).term).toBe(77n + FENCE);
    }
  });

  test('without enough witnesses it is refused, exit code 3, and says who is missing', async () => {
    await lose('resident_partial');
    urls[1] = `http://127.0.0.1:${await freePort()}`;
    const ran = await install('--unknown-timeout', '500ms');
    expectLine(ran, 3, /^refused: Too few members answer to restore anything safely: safekeeper 2 does not answer/m);
    expectNothing();
  });

  test('without a configuration nothing is guessed before all peers have told their ids', async () => {
    await lose('gen0_v9');
    urls[1] = `http://127.0.0.1:${await freePort()}`;
    const ran = await install('--unknown-timeout', '300ms');
    expectLine(ran, 3, /^refused: Waiting for the ids of all peers.* No answer: .*ECONNREFUSED.*\.$/m);
    expectNothing();
  });

  test('when the others have lost it, too, it is refused', async () => {
    await lose('resident_partial');
    await stopPeers();
    await startPeer(1, 'resident_partial');
    await startPeer(2, undefined);
    expectLine(await install(), 3, /^refused: Too few members have their own history/m);
    expectNothing();
  });

  test('when only its own id is missing in the configuration it is refused', async () => {
    await lose('resident_partial');
    expectLine(await install('--id', '8'), 3, /^refused: Safekeeper 8 is not among/m);
    expectNothing();
  });

  test('an archive that is older than what the peers have is refused, and nobody is fenced', async () => {
    await lose('resident_partial');
    await stopPeers();
    const later = (termOf('resident_partial') + 3n) as Term;
    const change = (control: ControlFile) => ({
      ...control,
      term: later,
      termHistory: [...control.termHistory, { term: later, lsn: control.commitLsn }],
    });
    for (const id of [1, 2]) await startPeer(id, 'resident_partial', { change });
    expectLine(await install(), 3, /^refused: The archive is too old: its log ends at 0\/4800030 in term 1,/m);
    expectNothing();
    const control = readFileSync(join(peers[0]!.directoryOf(TIMELINE), 'safekeeper.control'));
    expect(decodeControlFile(control).term).toBe(later);
  });

  test('what is there is never overwritten', async () => {
    await lose('resident_partial');
    await placeTimeline(data, { snapshot: 'resident_partial', timelineId: TIMELINE });
    const before = fingerprints(filesOf(join(data, TENANT, TIMELINE)));
    expectLine(await install(), 3, /has timeline .* already: nothing is overwritten$/m);
    expect(fingerprints(filesOf(join(data, TENANT, TIMELINE)))).toEqual(before);
  });

  test('killed half-way it leaves no timeline, and the next one tidies up', async () => {
    await lose('resident_14_segments');
    const bytes = readFileSync(file);
    const name = file;
    file = '-';
    const child = startBuilt(argvWith());
    const end = ended(child);
    child.stdin!.write(bytes.subarray(0, bytes.length / 2));
    await expect
      .poll(() => (existsSync(join(data, 'tmp')) ? readdirSync(join(data, 'tmp')) : []), PATIENCE)
      .toHaveLength(1);
    child.kill('SIGKILL');
    expect((await end).code).toBeNull();
    expect(existsSync(join(data, TENANT))).toBe(false);
    file = name;
    const again = await install();
    expect(again.code, again.errors).toBe(0);
    expect(readdirSync(join(data, 'tmp'))).toEqual([]);
  });

  test('interrupted it leaves nothing', async () => {
    await lose('resident_14_segments');
    const bytes = readFileSync(file);
    file = '-';
    const child = startBuilt(argvWith());
    const end = ended(child);
    child.stdin!.write(bytes.subarray(0, bytes.length / 2));
    await expect
      .poll(() => (existsSync(join(data, 'tmp')) ? readdirSync(join(data, 'tmp')) : []), PATIENCE)
      .toHaveLength(1);
    child.kill('SIGINT');
    expectLine(await end, 1, /^error: interrupted \(SIGINT\): nothing was installed$/m);
    expectNothing();
  });
});

describe('bad input is one clear line', () => {
  test('no archive, or not all of one', async () => {
    await lose('resident_partial');
    const whole = readFileSync(file);
    for (const [content, line] of [
      [Buffer.alloc(0), /the archive is empty$/m],
      [Buffer.from('#!/bin/sh\n'.repeat(100)), /^error: the snapshot is refused: /m],
      [whole.subarray(0, 700_000), /^error: the snapshot is refused: the archive ends inside an entry$/m],
      [
        whole.subarray(0, 1_024 + 2 * (512 + 1_048_576)),
        /^error: the snapshot is refused: the segment of .* is missing$/m,
      ],
    ] as const) {
      writeFileSync(file, content);
      expectLine(await install(), 1, line);
      expectNothing();
    }
    const name = file;
    file = join(directory, 'none.tar');
    expectLine(await install(), 1, /none\.tar cannot be read: there is no such file$/m);
    file = directory;
    expectLine(await install(), 1, /cannot be read: it is not a regular file/m);
    file = name;
  });

  test('another timeline, a directory in use, nobody to ask, two with one id', async () => {
    await lose('resident_partial');
    const other = `${TENANT}/${'b'.repeat(32)}`;
    expectLine(await install('--timeline', other), 1, /^error: the archive is of timeline .*, not .*b{32}$/m);
    {
      await using _lock = await acquirePidLock(data);
      expectLine(await install(), 3, /is in use by process \d+/m);
    }
    expectLine(
      await runBuilt(['install', file, '--data-dir', data, '--id', '3']),
      2,
      /^error: no peers: name the other safekeepers/m,
    );
    expectLine(await install('--peer', 'safekeeper-1'), 2, /It must be a URL such as/);
    await startPeer(3, undefined);
    expectLine(await install(), 3, /answers with id 3, the id of this data directory/m);
    expectNothing();
  });

  test('a token that is refused', async () => {
    const [right, wrong] = [tokenIssuer(), tokenIssuer()];
    const key = join(directory, 'key.pem');
    writeFileSync(key, right.publicKey);
    const source = { read: readTexts, clock: systemClock, log: silentLog };
    const tokens = new TokenVerifier(await openPublicKeys(key, source), systemClock);
    await lose('resident_partial');
    await stopPeers();
    await startPeer(1, 'resident_partial', { tokens });
    await startPeer(2, 'resident_partial', { tokens });
    const token = join(directory, 'token');
    writeFileSync(token, await wrong.issue({ scope: 'safekeeperdata' }));
    const argv = ['--auth-token-path', token];
    expectLine(await install(...argv), 1, /^error: http:.*: answered 403/m);
    writeFileSync(token, await right.issue({ scope: 'tenant', tenant_id: TENANT }));
    expectLine(await install(...argv), 1, /^error: http:.*: answered 403/m);
    expectNothing();
    writeFileSync(token, await right.issue({ scope: 'safekeeperdata' }));
    expect((await install(...argv)).code).toBe(0);
  });
});
