import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { peerUrlsOf } from '../../src/cli/restore/options.ts';
import { readTimelinesFile } from '../../src/cli/restore/timelines-file.ts';
import { nodeFileSystem } from '../../src/disk/node-file-system.ts';
import { startTestAgent } from '../agent/test-agent.ts';
import { configuration, OWN_ID, startPeer, temporaryData, TENANT, TIMELINES } from '../restore/harness.ts';
import { freePort } from '../support/free-port.ts';
import { startHttpStub } from '../support/http-stub.ts';
import { type BuiltProgram, buildProgram, type Ended } from './built-program.ts';

const [FIRST = '', SECOND = ''] = TIMELINES;

let program: BuiltProgram;
beforeAll(async () => {
  program = await buildProgram('cli-restore');
});
afterAll(() => program[Symbol.dispose]());
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Runs the command in this process, with everything it prints caught. */
async function restore(dataDirectory: string, ...args: readonly string[]): Promise<Ended> {
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      printed[name] += String(chunk);
      return true;
    });
  }
  const flags = ['--data-dir', dataDirectory, '--unknown-timeout', '1s', '--log-level', 'silent'];
  const code = await runProgram(['restore', ...flags, ...args]);
  vi.restoreAllMocks();
  process.exitCode = undefined;
  return { code, ...printed };
}

/** The last line of standard output. */
function resultOf({ stdout }: Ended): Record<string, unknown> {
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
}

function messagesOf({ stderr }: Ended): string[] {
  return stderr
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { msg: string }).msg);
}

describe('exit codes', () => {
  test('0: everything; then there is nothing to do. Lines of JSON tell of each timeline, a file has metrics', async () => {
    using data = temporaryData();
    await using first = await startPeer(1);
    await using second = await startPeer(2);
    await using http = await startHttpStub((_request, response) => response.end());
    const metrics = join(data.path, '..', `${data.path.split('/').at(-1)}.prom`);
    const peers = ['--peer', `${first.url},${http.url}`, second.url, '--own-url', `${http.url}/`];
    const args = ['--data-dir', data.path, '--id', String(OWN_ID), ...peers, '--textfile', metrics];
    const ended = await program.run(['restore', ...args]);
    expect(ended.code).toBe(0);
    expect(resultOf(ended)).toMatchObject({ result: 'Everything', safekeeper: '3', restored: 4, lacking: [] });
    expect(messagesOf(ended).filter((message) => message === 'timeline restored')).toHaveLength(4);
    // The peer that it is itself was not asked.
    expect(http.requests).toEqual([]);
    const text = readFileSync(metrics, 'utf8');
    await nodeFileSystem.remove(metrics);
    expect(text).toContain('safekeeper_restore_timelines{outcome="restored"} 4\n');
    expect(text).toContain('safekeeper_restore_timelines{outcome="pending"} 0\n');
    expect(text).toContain('safekeeper_restore_exit_code 0\n');
    expect(text).toMatch(/safekeeper_restore_finished_timestamp_seconds [0-9.e+]+\n/);
    expect(existsSync(`${metrics}.partial`)).toBe(false);

    const again = await restore(data.path, '--peer', first.url, second.url);
    expect(again.code).toBe(0);
    expect(resultOf(again)).toEqual({ result: 'NotNeeded', timelines: 4 });
  }, 60_000);

  test('4: a part, or 0 when that is enough', async () => {
    const elsewhere = configuration(7, [1, 9, OWN_ID]);
    const change = (file: Parameters<NonNullable<Parameters<typeof startPeer>[2]>>[0], id: string) =>
      id === FIRST ? { ...file, membership: elsewhere } : file;
    await using first = await startPeer(1, TIMELINES, change);
    await using second = await startPeer(2, TIMELINES.slice(1), change);
    for (const [onPartial, code] of [
      ['fail', 4],
      ['continue', 0],
    ] as const) {
      using data = temporaryData();
      const peers = ['--peer', first.url, second.url];
      const ended = await restore(data.path, '--id', String(OWN_ID), ...peers, '--on-partial', onPartial);
      expect(ended.code).toBe(code);
      const lacking = [{ tenant: TENANT, timeline: FIRST, reason: 'WaitingForWitnesses' }];
      expect(resultOf(ended)).toMatchObject({ result: 'Part', restored: 3, refused: 1, lacking });
    }
  });

  test('1: nothing, because nobody answers; a silent peer is named', async () => {
    using data = temporaryData();
    const url = `http://127.0.0.1:${await freePort()}`;
    const ended = await restore(data.path, '--id', '3', '--peer', url);
    expect(ended.code).toBe(1);
    expect(resultOf(ended)).toMatchObject({ result: 'Nothing', unknown: [expect.stringContaining(url) as string] });
  });

  test('3: refused, because the directory is in use or has something else', async () => {
    await using agent = await startTestAgent({ id: OWN_ID });
    const inUse = await restore(agent.dataDirectory, '--peer', 'http://127.0.0.1:9');
    expect(inUse.code).toBe(3);
    expect(resultOf(inUse)).toMatchObject({ result: 'Refused', reason: 'DataDirectoryLocked' });
    using data = temporaryData();
    writeFileSync(join(data.path, 'notes.txt'), 'mine');
    expect((await restore(data.path, '--id', '3', '--peer', 'http://127.0.0.1:9')).code).toBe(3);
  });

  test.each([
    [[], 'no peers: name the other safekeepers with --peer'],
    [['--peer', 'sk-1:7676'], 'It must be a URL such as http://safekeeper-1:7676.'],
    [['--peer', 'http://sk-1', '--members', '1,1'], 'It must be different safekeeper ids, for example 1,2,3.'],
    [['--peer', 'http://sk-1', '--concurrency', '0'], 'It must be a whole number from 1 to 1000.'],
    [['--peer', 'http://sk-1', '--on-partial', 'maybe'], 'Allowed choices are fail, continue.'],
    [['--peer', 'http://sk-1', '--missing', '--only-if-empty'], 'cannot be used with option'],
    [['--peer', 'http://sk-1', '--timeout', '0s'], 'It must be longer than 0'],
  ])('2: %j', async (args, message) => {
    using data = temporaryData();
    const { code, stderr } = await restore(data.path, ...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^ {4}at /m);
    expect(readdirSync(data.path)).toEqual([]);
  });
});

test('the data directory may be reached by a link', async () => {
  using data = temporaryData();
  using links = temporaryData();
  symlinkSync(data.path, join(links.path, 'data'));
  await using first = await startPeer(1);
  await using second = await startPeer(2);
  const peers = ['--peer', first.url, second.url];
  expect((await restore(join(links.path, 'data'), '--id', String(OWN_ID), ...peers)).code).toBe(0);
  expect(readdirSync(join(data.path, TENANT))).toEqual(TIMELINES);
});

test('the timelines may stand in a file', async () => {
  using data = temporaryData();
  using files = temporaryData();
  const list = join(files.path, 'timelines');
  writeFileSync(list, `# what we miss most\n${TENANT}/${SECOND}  # the shop\n\n`);
  await using first = await startPeer(1);
  await using second = await startPeer(2);
  const peers = ['--peer', first.url, second.url];
  const ended = await restore(data.path, '--id', String(OWN_ID), ...peers, '--timelines-file', list);
  expect(ended.code).toBe(0);
  expect(readdirSync(join(data.path, TENANT))).toEqual([SECOND]);

  writeFileSync(list, `${TENANT}/${SECOND}\n${TENANT}\n`);
  await expect(readTimelinesFile(nodeFileSystem, list)).rejects.toThrow(
    `${list}:2: must be <tenant id>/<timeline id>, of 32 hex digits each`,
  );
  await expect(readTimelinesFile(nodeFileSystem, `${list}-2`)).rejects.toThrow('does not exist');
});

test('the storage controller has a token of its own', async () => {
  using data = temporaryData();
  await using first = await startPeer(1);
  await using second = await startPeer(2);
  const tokens: Array<string | undefined> = [];
  await using controller = await startHttpStub((request, response) => {
    tokens.push(request.headers.authorization);
    response.end(JSON.stringify({ timelines: [{ tenant_id: TENANT, timeline_id: FIRST, peers: [] }] }));
  });
  const args = ['--peer', first.url, second.url, '--storage-controller', controller.url];
  vi.stubEnv('STORAGE_CONTROLLER_TOKEN', 'controllers');
  vi.stubEnv('SAFEKEEPER_AUTH_TOKEN', 'safekeepers');
  const { code } = await restore(data.path, '--id', String(OWN_ID), ...args);
  expect(code).toBe(0);
  expect(new Set(tokens)).toEqual(new Set(['Bearer controllers']));
  expect(readdirSync(join(data.path, TENANT))).toEqual([FIRST]);
});

test('peers are named once each, without ourselves', () => {
  expect(peerUrlsOf({ peer: ['http://a', 'http://b', 'http://a'], ownUrl: 'http://b' })).toEqual(['http://a']);
  expect(() => peerUrlsOf({ peer: ['http://a'], ownUrl: 'http://a' })).toThrow('no peers');
});
