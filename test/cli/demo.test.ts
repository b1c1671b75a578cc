import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { DEMO_TIMELINES } from '../../src/cli/demo/timelines.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Bundled once, beside the packages that it imports; the path tells the demo's processes from others. */
const BUNDLE = join(ROOT, 'node_modules', '.cache', `demo-test-${process.pid}`);

let temporary: string;
let demo: ChildProcess;
let output: string;

beforeAll(async () => {
  await build({
    entryPoints: [join(ROOT, 'src', 'cli', 'safekeeper-operator.ts')],
    outdir: BUNDLE,
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    packages: 'external',
  });
});

afterAll(() => rmSync(BUNDLE, { recursive: true, force: true }));

beforeEach(() => {
  temporary = mkdtempSync(join(tmpdir(), 'demo-test-'));
  output = '';
  demo = spawn(process.execPath, [join(BUNDLE, 'safekeeper-operator.js'), 'demo'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: temporary },
  });
  for (const stream of [demo.stdout, demo.stderr]) stream?.on('data', (chunk) => (output += String(chunk)));
});

afterEach(async () => {
  if (demo.exitCode === null && demo.signalCode === null) demo.kill('SIGKILL');
  await expect.poll(processes, { timeout: 15_000 }).toEqual([]);
  rmSync(temporary, { recursive: true, force: true });
});

/** Command lines of everything that the demo started, itself included. */
function processes(): string[] {
  const all = execFileSync('ps', ['-A', '-o', 'args='], { encoding: 'utf8' }).split('\n');
  return all.filter((line) => line.includes(BUNDLE));
}

function waitForOutput(text: string): Promise<void> {
  return expect.poll(() => output, { timeout: 60_000 }).toContain(text);
}

async function exitCode(): Promise<number | null> {
  if (demo.exitCode === null && demo.signalCode === null) await once(demo, 'exit');
  return demo.exitCode;
}

/** The one directory of the demo that is running. */
function stageDirectory(): string {
  const [name] = readdirSync(temporary);
  return join(temporary, name ?? '');
}

test('loses a disk, heals it, proves it, and leaves nothing behind', { timeout: 180_000 }, async () => {
  expect(await exitCode(), output).toBe(0);
  const count = DEMO_TIMELINES.length;
  expect(output).toContain(`All ${count} timelines are Ready`);
  expect(output).toContain(`${count} timelines are down to 2 of 3 replicas`);
  expect(output.match(/: restored from safekeeper [13], 3\/3, /g)).toHaveLength(count);
  expect(output).toContain('billing-main: restored from safekeeper 3');
  expect(output).toMatch(/Proven: \d+ WAL files are the same to the byte/);
  expect(output).toContain(`  timelines  ${count}, all back on safekeeper 2`);
  expect(output).toMatch(/ {2}condition {2}Ready +True +AllReplicasPresent/);
  expect(output).toMatch(/ {2}event {6}Recovered/);
  expect(output).not.toMatch(/[^\n\u0020-\u007E]/);
  expect(processes()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

test('Ctrl-C ends it at once with everything that it started', { timeout: 60_000 }, async () => {
  await waitForOutput('Starting the operator');
  demo.kill('SIGINT');
  expect(await exitCode(), output).toBe(130);
  expect(output).toContain('interrupted by SIGINT');
  expect(processes()).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
});

test('a safekeeper that ends unasked is a failure that says where the logs are', { timeout: 60_000 }, async () => {
  await waitForOutput('timelines are Ready');
  const directory = stageDirectory();
  const pid = Number(readFileSync(join(directory, 'safekeeper-1', 'safekeeper.pid'), 'utf8'));
  process.kill(pid, 'SIGKILL');
  expect(await exitCode(), output).toBe(1);
  expect(output).toContain('demo failed: safekeeper 1 ended unexpectedly with SIGKILL');
  for (const name of ['operator', 'safekeeper-1']) expect(output).toContain(`log: ${directory}/logs/${name}.log`);
  expect(readdirSync(directory).toSorted()).toEqual(['kubeconfig', 'logs']);
  expect(existsSync(join(directory, 'logs', 'operator.log'))).toBe(true);
});

test('when it is killed, what it started ends by itself', { timeout: 60_000 }, async () => {
  await waitForOutput('timelines are Ready');
  expect(processes().length).toBeGreaterThanOrEqual(4);
  demo.kill('SIGKILL');
  await once(demo, 'exit');
  await expect.poll(processes, { timeout: 15_000 }).toEqual([]);
});
