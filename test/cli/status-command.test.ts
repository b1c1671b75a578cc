import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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
  await rm(directory, { recursive: true, force: true });
  await world[Symbol.asyncDispose]();
});

/** Runs a shell command line in which $S and $K are the two programs. */
async function run(line: string, environment: Record<string, string> = {}) {
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
  const child = spawn('bash', ['-c', line], { env: { ...env, ...environment }, stdio: ['ignore', 'pipe', 'pipe'] });
  const seen = { stdout: '', stderr: '', code: 0 };
  child.stdout.on('data', (chunk) => (seen.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (seen.stderr += String(chunk)));
  seen.code = await new Promise((onEnd) => child.on('close', (code) => onEnd(code ?? -1)));
  return seen;
}

/** The same on a terminal of 80 columns. */
function runOnTerminal(line: string, environment?: Record<string, string>) {
  return run(`script -qec "stty cols 80 rows 24; ${line}" /dev/null </dev/null`, environment);
}

describe('the exit code', () => {
  test.each([
    ['$S status', 1],
    ['$K skt/safe', 0],
    ['$K safe gone', 1],
    ['$K skt -o json --all', 1],
    ['$K skt/safe -o yaml', 0],
    ['$K --limit 0', 2],
    ['$K -o table', 2],
    ['$K -o json --watch', 2],
    ['$K safe -A', 2],
    ['$K nobody', 1],
    ['$K -n empty', 0],
    ['$K approve safe', 3],
    ['$K force-donor gone', 3],
    ['$K approve', 2],
    ['$K help', 0],
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
  for (const format of ['json', 'yaml']) {
    expect(parse((await run(`$K -n empty --all -o ${format}`)).stdout)).toMatchObject({ kind: 'List', items: [] });
  }
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

test('a watch is redrawn on a terminal until it is interrupted', async () => {
  const { stdout } = await runOnTerminal('timeout --preserve-status -s INT 3 $K --watch; echo ended with \\$?');
  expect(stdout).toContain('\u001B[?25l');
  expect(stdout).toMatch(/\[\d+A/);
  expect(stdout.split('\u001B[?25h').at(-1)).toBe('ended with 130\r\n');
});

test('typed on a terminal, the id of a proposal confirms a loss', async () => {
  const line = `(sleep 2; echo abc) | script -qec "$K force-donor gone" /dev/null`;
  const { stdout } = await run(line);
  expect(stdout).toContain('at least 16777216 bytes of WAL (16.0 MiB).');
  expect(stdout).toContain('safekeepertimeline.safekeeper.dev/gone forced: safekeeper 2 is restored from safekeeper 1');
  expect((await world.timeline('gone')).metadata.annotations).toMatchObject({ 'safekeeper.dev/force-donor': 'abc' });
});
