import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { startDeadline } from '../../base/deadline.ts';
import { describeError, Failure } from '../../base/failure.ts';

export interface ChildOptions {
  /** For people: `safekeeper 2`, `the operator`. */
  readonly title: string;
  /** Command line of this same program. */
  readonly args: readonly string[];
  /** Its output is appended there. */
  readonly logPath: string;
  /** `kind` of the message by which it tells that it is ready. */
  readonly readyKind: string;
  readonly startTimeoutMs: number;
}

/** A process of this program that is ready. It ends by itself when this process is gone, however that happens. */
export interface RunningChild {
  readonly title: string;
  readonly pid: number;
  /** What it sent when it was ready. */
  readonly ready: Readonly<Record<string, unknown>>;
  /** Resolves when it has ended, with how: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  kill(): Promise<void>;
  /** SIGTERM, and SIGKILL when it takes too long. */
  stop(): Promise<void>;
}

const STOP_TIMEOUT_MS = 1_500;
const LOG_LINES_SHOWN = 3;

/** Starts a process and waits until it is ready. Throws a Failure `ChildFailed` with the end of its log, or the signal's reason. */
export async function startChild(options: ChildOptions, signal: AbortSignal): Promise<RunningChild> {
  signal.throwIfAborted();
  const { title } = options;
  const child = forkChild(options);
  const ended = once(child, 'exit').then(
    ([code, endedBy]) => String(endedBy ?? `exit code ${String(code)}`),
    (error: unknown) => describeError(error),
  );
  const kill = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  const stop = async () => {
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await ended;
    clearTimeout(timer);
  };
  using deadline = startDeadline(options.startTimeoutMs, `the start of ${title}`, signal);
  try {
    const ready = await readiness(child, options, ended, deadline.signal);
    return { title, pid: child.pid ?? 0, ready, ended, kill, stop };
  } catch (error) {
    await kill();
    throw error;
  }
}

function forkChild({ args, logPath }: ChildOptions): ChildProcess {
  const log = openSync(logPath, 'a');
  try {
    // Detached: a Ctrl-C on the terminal is for the demo alone, which then stops the others in order.
    return fork(process.argv[1] ?? '', [...args], { stdio: ['ignore', log, log, 'ipc'], detached: true });
  } finally {
    closeSync(log);
  }
}

async function readiness(
  child: ChildProcess,
  { title, logPath, readyKind }: ChildOptions,
  ended: Promise<string>,
  signal: AbortSignal,
): Promise<RunningChild['ready']> {
  const message = once(child, 'message', { signal }).catch(() => {
    throw signal.reason;
  });
  const end = ended.then((how) => {
    throw new Failure('ChildFailed', `${title} ended with ${how} before it was ready: ${lastLogLines(logPath)}`);
  });
  const [ready] = (await Promise.race([message, end])) as [Record<string, unknown>];
  if (ready.kind !== readyKind) throw new Failure('ChildFailed', `${title} said ${JSON.stringify(ready)} at its start`);
  return ready;
}

function lastLogLines(logPath: string): string {
  const lines = readFileSync(logPath, 'utf8').trim().split('\n');
  return lines.slice(-LOG_LINES_SHOWN).join('; ') || 'it wrote no log';
}
