import { type ChildProcess, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = resolve(import.meta.dirname, '../../dist/safekeeper-operator.js');
/** The most that a process ever had is only told while it runs. */
const MEMORY_INTERVAL_MS = 20;
const STATIC_SERVER = join(import.meta.dirname, 'static-server.ts');

/** A server in a process of its own; disposing it ends the process. */
export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

export interface AgentProcessOptions {
  /** 0 lets the system pick. */
  readonly port?: number;
  /** Gets the lines of its log, from level info on; otherwise warnings appear on standard error. */
  readonly onLogLine?: (line: string) => void;
}

/** The built agent on a data directory that exists. */
export function startAgentProcess(
  dataDirectory: string,
  id: number,
  { port = 0, onLogLine }: AgentProcessOptions = {},
): Promise<ServerProcess> {
  const where = ['--data-dir', dataDirectory, '--listen', `127.0.0.1:${port}`];
  const level = onLogLine === undefined ? 'warn' : 'info';
  return startServer(PROGRAM, ['agent', ...where, '--id', String(id), '--log-level', level], onLogLine);
}

/** A plain file server for one file. */
export function startStaticServer(path: string): Promise<ServerProcess> {
  return startServer(STATIC_SERVER, [path]);
}

/** Runs one command of the built program to its end; returns the most memory that it ever had, in MiB. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const exit = once(child, 'exit') as Promise<[number | null]>;
  let peakMib = 0;
  const timer = setInterval(() => {
    // A process that has just ended has no memory any more.
    peakMemoryMib({ pid: child.pid ?? 0 }).then(
      (mib) => (peakMib = Math.max(peakMib, mib)),
      () => undefined,
    );
  }, MEMORY_INTERVAL_MS);
  const [code] = await exit;
  clearInterval(timer);
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
  return peakMib;
}

export async function startServer(
  program: string,
  args: readonly string[],
  onErrorLine?: (line: string) => void,
): Promise<ServerProcess> {
  const child = fork(program, args, {
    // The loader that runs the benchmark's own TypeScript would take memory and time of what is measured.
    ...(program.endsWith('.ts') ? {} : { execArgv: [] }),
    stdio: ['ignore', 'inherit', onErrorLine === undefined ? 'inherit' : 'pipe', 'ipc'],
  });
  if (onErrorLine !== undefined && child.stderr !== null) createInterface(child.stderr).on('line', onErrorLine);
  const message = await Promise.race([once(child, 'message'), once(child, 'exit')]);
  const [first] = message as [{ url?: string } | number | null];
  if (typeof first !== 'object' || first?.url === undefined || child.pid === undefined) {
    throw new Error(`${program} did not start`);
  }
  return { url: first.url, pid: child.pid, [Symbol.asyncDispose]: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, 'exit');
  child.kill('SIGTERM');
  await exit;
}

/** Those of the commands that cannot be run here. */
export function missingCommands(commands: readonly string[]): string[] {
  return commands.filter((command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0);
}

/** Runs lines of shell; any command of them that fails, also inside a pipe, is an error. */
export async function runShell(lines: string): Promise<void> {
  const child = spawn('bash', ['-c', `set -e -o pipefail\n${lines}`], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`a baseline failed with ${code}:\n${lines}`);
}

/** The most memory that the process ever had, in MiB. */
export async function peakMemoryMib({ pid }: Pick<ServerProcess, 'pid'>): Promise<number> {
  return (await readProcNumber(pid, 'status', /^VmHWM:\s+(\d+) kB$/m)) / 1024;
}

/** What the process has caused to be written to disks so far. */
export function writtenBytes({ pid }: ServerProcess): Promise<number> {
  return readProcNumber(pid, 'io', /^write_bytes: (\d+)$/m);
}

async function readProcNumber(pid: number, file: string, pattern: RegExp): Promise<number> {
  const match = pattern.exec(await readFile(`/proc/${pid}/${file}`, 'utf8'));
  if (match?.[1] === undefined) throw new Error(`/proc/${pid}/${file} has no ${pattern}`);
  return Number(match[1]);
}
