import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import { ObjectsWorld } from './api-objects.ts';
import {
  clusterObject,
  PULLING,
  pullingStatus,
  quorumLostStatus,
  redundantStatus,
  timelineObject,
} from './status-objects.ts';

const DIST = resolve(import.meta.dirname, '../../dist');

let world: ObjectsWorld;
let directory: string;
const running = new Set<ChildProcess>();

// Processes on a busy machine.
vi.setConfig({ testTimeout: 90_000, hookTimeout: 90_000 });

beforeAll(async () => {
  world = await ObjectsWorld.open();
  directory = await mkdtemp(join(tmpdir(), 'status-command-'));
  await writeFile(join(directory, 'kubeconfig'), world.api.kubeconfig());
  await world.put(clusterObject('main', PULLING));
  await world.put(timelineObject('safe', redundantStatus()));
  await world.put(timelineObject('pulling', pullingStatus()));
  await world.put(timelineObject('gone', quorumLostStatus('abc')));
});

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
  await world[Symbol.asyncDispose]();
});

/** What to type as soon as a text stands on the terminal. */
type Reply = readonly [shown: string, typed: string];

/** Runs a shell command line in which $S and $K are the two programs. */
async function run(line: string, environment: Record<string, string> = {}, replies: readonly Reply[] = []) {
  const programs = {
    S: `${process.execPath} ${join(DIST, 'safekeeper-operator.js')}`,
    K: `${process.execPath} ${join(DIST, 'kubectl-safekeepers.js')}`,
  };
  const env = {
    PATH: process.env.PATH ?? '',
    LANG: 'C.UTF-8',
    TERM: 'xterm',
    KUBECONFIG: join(directory, 'kubeconfig'),
    ...programs,
  };
  const child = spawn('bash', ['-c', line], { env: { ...env, ...environment }, stdio: 'pipe' });
  running.add(child);
  const seen = { stdout: '', stderr: '', code: 0 };
  const left = [...replies];
  if (left.length === 0) child.stdin.end();
  child.stdout.on('data', (chunk) => {
    seen.stdout += String(chunk);
    const [shown, typed] = left[0] ?? [];
    if (shown === undefined || !seen.stdout.includes(shown)) return;
    left.shift();
    child.stdin.write(typed);
  });
  child.stderr.on('data', (chunk) => (seen.stderr += String(chunk)));
  seen.code = await new Promise((onEnd) => child.on('close', (code) => onEnd(code ?? -1)));
  running.delete(child);
  return seen;
}

/** The same on a terminal of 80 columns. */
function runOnTerminal(line: string, environment?: Record<string, string>, replies: readonly Reply[] = [['', '']]) {
  return run(`script -qec "stty cols 80 rows 24; ${line}" /dev/null`, environment, replies);
}

describe('the exit code', () => {
  test.each([
    ['$S status', 1],
    ['$K skt/safe', 0],
    ['$K safe gone', 1],
    ['$K safe -A', 2],
    ['$K nobody', 1],
    ['$K -n empty', 0],
    ['$K approve safe', 3],
    ['$K -n empty approve safe', 1],
    ['$K approve safe -n empty', 1],
    ['$K --kubeconfig /nowhere', 1],
    ['set -o pipefail; $S crds | true', 141],
  ])('of %s is %d, without a stack trace', async (line, code) => {
    const seen = await run(line);
    expect(seen, seen.stderr).toMatchObject({ code });
    expect(seen.stderr).not.toMatch(/^ {4}at /m);
    if (code === 2 || code === 3) expect(seen.stderr).toMatch(/^(error|refused): /m);
  });
});

test('json and yaml are lists as kubectl prints them, of what is shown', async () => {
  const { stdout } = await run('$K -o json');
  const list = JSON.parse(stdout) as {
    items: Array<{ kind: string; metadata: { name: string; managedFields?: unknown } }>;
  };
  expect(list).toMatchObject({ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' } });
  expect(list.items.map(({ metadata }) => metadata.name)).toEqual(['main', 'gone', 'pulling', 'safe']);
  expect(list.items.every(({ metadata }) => metadata.managedFields === undefined)).toBe(true);
  expect(parse((await run('$K -o yaml')).stdout)).toEqual(list);
  expect(parse((await run('$K skt -o yaml --limit 1')).stdout)).toMatchObject({
    items: [{ metadata: { name: 'gone' } }],
  });
  expect(JSON.parse((await run('$K safe -o json')).stdout)).toMatchObject({ kind: 'SafekeeperTimeline' });
});

test('all of them are the same list, in the order of the API, written as they arrive', async () => {
  const all = (await run('$K -o json --all')).stdout;
  const { items } = JSON.parse(all) as { items: Array<{ metadata: { name: string } }> };
  expect(items.map(({ metadata }) => metadata.name)).toEqual(['main', 'gone', 'pulling', 'safe']);
  expect(all).toBe((await run('$K -o json')).stdout);
  expect((await run('$K -o yaml --all')).stdout).toBe((await run('$K -o yaml')).stdout);
});

test('colours are for terminals, and nobody who sets NO_COLOR', async () => {
  const [piped, shown, plain] = [
    await run('$K'),
    await runOnTerminal('$K'),
    await runOnTerminal('$K', { NO_COLOR: '1' }),
  ];
  expect(piped.stdout).not.toContain('\u001B');
  expect(shown.stdout).toContain('\u001B[31m✖ 1/3');
  expect(plain.stdout).not.toContain('\u001B');
  expect(plain.stdout.split('\r\n').every((line) => line.length <= 80)).toBe(true);
});

test('a watch is redrawn on a terminal until Ctrl-C', async () => {
  const { stdout, code } = await runOnTerminal('exec $K --watch', {}, [['\u001B[J', '\u0003']]);
  expect(stdout).toContain('\u001B[?25l');
  expect(stdout.endsWith('\u001B[?25h')).toBe(true);
  expect(code).toBe(130);
});

test('typed on a terminal, the id of a proposal confirms a loss, and nothing else does', async () => {
  const ask = 'to go on: ';
  for (const [typed, code] of [
    ['yes\n', 3],
    ['\u0003', 3],
    ['\u0004', 3],
    ['abc\n', 0],
  ] as const) {
    const seen = await runOnTerminal('$K force-donor gone', {}, [[ask, typed]]);
    expect(seen.stdout).toContain('at least 16777216 bytes of WAL (16.0 MiB).');
    expect({ typed, code: seen.code }).toEqual({ typed, code });
    const { annotations } = (await world.timeline('gone')).metadata;
    expect(annotations?.['safekeeper.dev/force-donor']).toBe(code === 0 ? 'abc' : undefined);
  }
});
