import { describeError, errorCode, Failure, firstError } from '../base/failure.ts';

/** What the process says with its exit code. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, partly: 4 } as const;

/** Exit code 2: the command line asks for what cannot be. */
export function badUsage(message: string): Failure {
  return new Failure('BadUsage', message, { retry: 'never' });
}

/** Exit code 3: it could be done, and is not, for safety. */
export function refused(message: string, cause?: unknown): Failure {
  return new Failure('Refused', message, { retry: 'never', cause });
}

/** By the reason of a Failure; anything else has just failed. */
export function exitCodeOf(error: unknown): number {
  const reason = error instanceof Failure ? error.reason : undefined;
  if (reason === 'BadUsage') return EXIT.usage;
  return reason === 'Refused' ? EXIT.refused : EXIT.failed;
}

/** What is said of an error: one line; to find out more, where in the program it arose and what caused it. */
export function errorText(error: unknown, isDebug: boolean): string {
  const first = firstError(error);
  const text = describeError(first);
  return isDebug ? [text, ...stacks(first)].join('\n') : text;
}

/** The same for the terminal of a command that ended with it. */
export function finalText(error: unknown, isDebug: boolean): string {
  const lead = exitCodeOf(error) === EXIT.refused ? 'refused: ' : 'error: ';
  const text = errorText(error, isDebug);
  return text.startsWith(lead) ? text : lead + text;
}

const CAUSES_MAX = 8;

/** Stacks alone: what else errors carry around may be secret. */
function stacks(error: unknown): string[] {
  const texts: string[] = [];
  for (let current = error; current instanceof Error && texts.length < CAUSES_MAX; current = current.cause) {
    const reason = current instanceof Failure ? current.reason : errorCode(current);
    const lead = texts.length === 0 ? '' : 'caused by: ';
    texts.push(`${lead}${current.stack ?? current.message}${reason === undefined ? '' : ` [${reason}]`}`);
    if (current instanceof AggregateError) texts.push(...current.errors.flatMap(stacks).slice(0, CAUSES_MAX));
  }
  return texts;
}

/** What a shell expects of a process whose reader has gone. */
const BROKEN_PIPE = 141;

/**
 * Ends the process in one line, in place of a stack trace, for an error that nobody caught; and without any when nobody
 * reads its output any more, unless that is somebody's business.
 */
export function guardProcess(process: NodeJS.Process): void {
  const isDebug = process.argv.includes('--debug');
  process.on('uncaughtException', (error) => {
    process.stderr.write(`${finalText(error, isDebug)}\n`);
    process.exit(EXIT.failed);
  });
  process.stdout.on('error', (error) => {
    if (process.stdout.listenerCount('error') > 1) return;
    if (errorCode(error) !== 'EPIPE') throw error;
    process.exit(BROKEN_PIPE);
  });
}
