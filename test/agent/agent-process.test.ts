import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { agentCommand } from '../../src/cli/agent.ts';
import { tokenIssuer } from '../support/tokens.ts';
import { exchange } from './exchange.ts';
import { gate } from './gate.ts';
import { PATIENCE, placeTimeline, startTestAgent, TENANT } from './test-agent.ts';

const SOURCE = fileURLToPath(new URL('agent-process.ts', import.meta.url));
/** Bundled once, because each start would compile everything again; beside the packages that it imports. */
const PROGRAM = fileURLToPath(new URL(`../../node_modules/.cache/agent-process-${process.pid}.mjs`, import.meta.url));
const TIMELINE = `a${'1'.padStart(31, '0')}`;

let dataDirectory: string;
let started: ChildProcess[];

beforeAll(async () => {
  const common = { bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external' } as const;
  await build({ ...common, entryPoints: [SOURCE], outfile: PROGRAM });
});

afterAll(() => rmSync(PROGRAM, { force: true }));

beforeEach(() => {
  dataDirectory = mkdtempSync(join(tmpdir(), 'agent-process-'));
  started = [];
});

afterEach(() => {
  for (const child of started) child.kill('SIGKILL');
  rmSync(dataDirectory, { recursive: true, force: true });
});

function start(...flags: readonly string[]): ChildProcess {
  return startWith({}, ...flags);
}

function startWith(environment: Readonly<Record<string, string>>, ...flags: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, [PROGRAM, '--listen', '127.0.0.1:0', ...flags], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  started.push(child);
  return child;
}

/** The url of an agent on the data directory, as it tells its parent. */
async function listening(child: ChildProcess): Promise<string> {
  const [message] = (await once(child, 'message')) as [{ kind: string; url: string }];
  expect(message.kind).toBe('listening');
  return message.url;
}

/** Exit code and what it wrote. */
async function ended(child: ChildProcess): Promise<{ code: number | null; written: string }> {
  const exit = once(child, 'exit') as Promise<[number | null]>;
  const written = child.stderr === null ? '' : await text(child.stderr);
  return { code: (await exit)[0], written };
}

test('killed in the middle of a pull it leaves no timeline, and the next start tidies up', async () => {
  const { afterSnapshotList, reached, open } = gate();
  await using donor = await startTestAgent({
    afterSnapshotList,
    prepare: async (directory) => {
      await placeTimeline(directory, { snapshot: 'resident_partial', timelineId: TIMELINE });
    },
  });
  const pull = {
    method: 'POST',
    path: '/v1/pull_timeline',
    body: JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: [donor.url] }),
  };
  const first = start('--data-dir', dataDirectory, '--id', '4');
  const broken = exchange(await listening(first), pull).catch(() => undefined);
  await reached();
  first.kill('SIGKILL');
  await once(first, 'exit');
  expect(await broken).toBeUndefined();
  expect(existsSync(join(dataDirectory, TENANT))).toBe(false);
  expect(readdirSync(join(dataDirectory, 'tmp'))).toHaveLength(1);

  const url = await listening(start('--data-dir', dataDirectory));
  expect(readdirSync(join(dataDirectory, 'tmp'))).toEqual([]);
  expect((await exchange(url, { path: '/v1/status' })).body.toString()).toBe('{"id":4}');
  open();
  await expect.poll(async () => (await exchange(url, pull)).status, PATIENCE).toBe(200);
  for (const name of readdirSync(donor.directoryOf(TIMELINE))) {
    const copy = readFileSync(join(dataDirectory, TENANT, TIMELINE, name));
    expect(copy.equals(readFileSync(join(donor.directoryOf(TIMELINE), name))), name).toBe(true);
  }
});

test('SIGTERM ends it in order, and nobody else runs on its directory before', async () => {
  const child = start('--data-dir', dataDirectory, '--id', '1');
  const end = ended(child);
  const url = await listening(child);
  const second = await ended(start('--data-dir', dataDirectory));
  expect(second.code).toBe(1);
  expect(second.written).toContain(`in use by process ${child.pid}`);
  child.kill('SIGTERM');
  const { code, written } = await end;
  expect(code).toBe(0);
  expect(written.split('\n').filter((line) => line.includes('"msg":"listening"'))).toHaveLength(1);
  expect(written).toContain(`"url":"${url}"`);
});

test('keys are read again, and no token ever reaches the log', async () => {
  const [first, second] = [tokenIssuer(), tokenIssuer()];
  const keys = join(dataDirectory, 'keys');
  mkdirSync(keys);
  writeFileSync(join(keys, 'first.pem'), first.publicKey);
  const own = await first.issue({ scope: 'safekeeperdata' });
  const flags = ['--data-dir', dataDirectory, '--id', '1', '--http-auth-public-key-path', keys, '--log-level', 'trace'];
  const child = startWith({ SAFEKEEPER_AUTH_TOKEN: own }, ...flags);
  const end = ended(child);
  const url = await listening(child);
  const list = async (token: string) => {
    const headers = { authorization: `Bearer ${token}` };
    return (await exchange(url, { path: '/v1/tenant/timeline', headers })).status;
  };
  const other = await second.issue({ scope: 'safekeeperdata' });
  expect([await list(own), await list(other)]).toEqual([200, 403]);
  writeFileSync(join(keys, 'second.pem'), second.publicKey);
  await expect.poll(() => list(other), PATIENCE).toBe(200);
  rmSync(join(keys, 'first.pem'));
  await expect.poll(() => list(own), PATIENCE).toBe(403);
  const body = JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: [url] });
  const headers = { authorization: `Bearer ${other}` };
  expect((await exchange(url, { method: 'POST', path: '/v1/pull_timeline', body, headers })).status).toBe(500);
  child.kill('SIGTERM');
  const { code, written } = await end;
  expect(code).toBe(0);
  expect(written).toContain('credentials were read again');
  expect(written).toContain('a token is refused');
  for (const part of [own, other].flatMap((token) => token.split('.').slice(1))) expect(written).not.toContain(part);
});

test('it ends when its parent is gone', async () => {
  const child = start('--data-dir', dataDirectory, '--id', '1');
  const end = ended(child);
  await listening(child);
  child.disconnect();
  expect((await end).code).toBe(0);
});

test('without its data directory it fails', async () => {
  const end = await ended(start('--data-dir', '/nowhere/at/all', '--id', '1'));
  expect(end.code).toBe(1);
  expect(end.written).toContain('the data directory /nowhere/at/all must exist');
});

test.each([
  [['--id', '1'], "required option '--data-dir <directory>' not specified"],
  [['--data-dir', '/tmp', '--id', 'x'], 'It must be a number from 0 to 2^64 - 1'],
  [['--data-dir', '/tmp', '--listen', 'x'], 'It must be host:port'],
  [['--data-dir', '/tmp', '--log-level', 'loud'], 'Allowed choices are'],
  [['--data-dir', '/tmp', '--max-connections', '0'], 'It must be a whole number above 0'],
  [['--data-dir', '/tmp', '--idle-timeout', '5'], 'write it like 30s'],
  [['--data-dir', '/tmp', '--idle-timeout', '0s'], 'It must be longer than 0'],
  [['--data-dir', '/tmp', 'more'], 'too many arguments'],
])('%j is bad usage', async (flags, problem) => {
  const command = agentCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  await expect(command.parseAsync(flags, { from: 'user' })).rejects.toThrow(problem);
});
