import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { buffer, text } from 'node:stream/consumers';

/** The program as it is shipped. */
export const PROGRAM = resolve(import.meta.dirname, '../../dist/safekeeper-operator.js');

export interface Ran {
  readonly code: number | null;
  readonly output: Buffer;
  readonly errors: string;
}

/** Starts the built program with pipes; the caller ends what it does not wait for. */
export function startBuilt(argv: readonly string[], environment: Readonly<Record<string, string>> = {}): ChildProcess {
  const env = { ...process.env, ...environment };
  const child = spawn(process.execPath, [PROGRAM, ...argv], { env, stdio: ['pipe', 'pipe', 'pipe'] });
  // It may end while it is still written to.
  child.stdin?.on('error', () => undefined);
  return child;
}

/** What it wrote and how it ended. */
export async function ended(child: ChildProcess): Promise<Ran> {
  const exit = once(child, 'close') as Promise<[number | null]>;
  const [output, errors] = await Promise.all([buffer(child.stdout!), text(child.stderr!)]);
  return { code: (await exit)[0], output, errors };
}

/** Runs the built program with nothing on its standard input. */
export async function runBuilt(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const child = startBuilt(argv, environment);
  child.stdin?.end();
  return await ended(child);
}
