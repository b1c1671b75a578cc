import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../support/free-port.ts';

export interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly error?: string;
  readonly [field: string]: unknown;
}

/** The operator as a process of its own, as it runs in a pod. */
export interface OperatorProcess extends AsyncDisposable {
  readonly pid: number;
  readonly url: string;
  log(): readonly LogLine[];
  /** The value of a metric's first sample, labels included in `name`; undefined when it is not there. */
  metric(name: string): Promise<number | undefined>;
  signal(signal: NodeJS.Signals): void;
  /** Resolves with the exit code, or the signal, of its end. */
  readonly ended: Promise<number | string>;
}

export interface OperatorProcessOptions {
  /** The program and its first arguments, such as `['node', 'dist/safekeeper-operator.js']`. */
  readonly program: readonly string[];
  readonly flags: readonly string[];
  /** YAML; written to a file that lives as long as the process. */
  readonly kubeconfig: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Resolves when it serves its health; whether it leads is another matter. */
export async function startOperatorProcess(options: OperatorProcessOptions): Promise<OperatorProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const directory = mkdtempSync(join(tmpdir(), 'operator-'));
  // It may run as somebody else.
  chmodSync(directory, 0o755);
  const kubeconfig = join(directory, 'kubeconfig');
  writeFileSync(kubeconfig, options.kubeconfig);
  const [program = '', ...first] = options.program;
  const own = ['operator', '--health-listen', `127.0.0.1:${port}`, '--kubeconfig', kubeconfig];
  const args = [...first, ...own, ...options.flags];
  const child = spawn(program, args, {
    stdio: ['ignore', 'inherit', 'pipe'],
    env: { PATH: process.env['PATH'], ...options.env },
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const ended = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | string);
  await untilHealthy(child, url, () => text);
  return {
    pid: child.pid ?? 0,
    url,
    ended,
    log: () => text.split('\n').filter(Boolean).map(parseLine),
    metric: async (name) => {
      const page = await (await fetch(`${url}/metrics`)).text();
      const line = page.split('\n').find((candidate) => candidate.startsWith(`${name} `));
      return line === undefined ? undefined : Number(line.slice(name.length + 1));
    },
    signal: (signal) => void child.kill(signal),
    [Symbol.asyncDispose]: async () => {
      // A frozen one hears nothing but this.
      child.kill('SIGKILL');
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What warns or worse, in short. */
export function complaints(operator: OperatorProcess): string[] {
  const found = operator.log().filter(({ level }) => ['warn', 'error', 'fatal'].includes(level));
  return found.map(({ msg, error }) => (error === undefined ? msg : `${msg}: ${error}`));
}

function parseLine(line: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch {
    return { level: 'error', msg: line };
  }
}

async function untilHealthy(child: ChildProcess, url: string, output: () => string): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`the operator ended with ${child.exitCode}:\n${output()}`);
    const answer = await fetch(`${url}/healthz`).catch(() => undefined);
    if (answer?.ok === true) return;
    if (performance.now() > deadlineMs) throw new Error(`the operator does not start:\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
