import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const STOP_TIMEOUT_MS = 5_000;

/** A program that ends with this process, however suddenly, and takes its directory with it. */
export interface Tethered {
  /** Undefined while it runs. */
  exitCode(): number | undefined;
  /** An orderly end, within five seconds; the directory stays. */
  stop(): Promise<void>;
  /** Kills it and removes the directory. */
  cut(): Promise<void>;
  lastWords(): string;
}

/** Output is appended to `<directory>/<name>.log`. */
export function startTethered(directory: string, name: string, program: string, args: readonly string[]): Tethered {
  const logPath = join(directory, `${name}.log`);
  const log = openSync(logPath, 'a');
  const tether = join(import.meta.dirname, 'tether.sh');
  // Detached: a Ctrl-C on the terminal is for the tests, which end it by letting go.
  const child = spawn('sh', [tether, directory, program, ...args], { stdio: ['pipe', log, log], detached: true });
  closeSync(log);
  let exitCode: number | undefined;
  const ended = once(child, 'exit').then(([code]) => {
    exitCode = (code as number | null) ?? 128;
  });
  const letGo = () => child.stdin?.end();
  child.stdin?.on('error', () => undefined);
  return {
    exitCode: () => exitCode,
    lastWords: () => readFileSync(logPath, 'utf8').trim().split('\n').slice(-5).join('\n'),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGTERM'), STOP_TIMEOUT_MS);
      await ended;
      clearTimeout(timer);
    },
    async cut() {
      letGo();
      await ended;
    },
  };
}
