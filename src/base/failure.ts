import { inspect } from 'node:util';
import { printable } from './printable.ts';

/** What the caller may do about a failure: try again later, give up, or wait until its input changes. */
export type Retry = 'backoff' | 'never' | 'after-change';

/**
 * The one error class of the project. `reason` is a stable CamelCase word for logs, metrics and conditions;
 * `message` is one sentence for people that says what was wrong and, where it helps, the accepted form.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly reason: string;
  readonly retry: Retry;

  constructor(reason: string, message: string, options: { retry?: Retry; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.reason = reason;
    this.retry = options.retry ?? 'backoff';
  }
}

/** One line for people: the error's message followed by the messages of its causes, without stack traces. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let current = error, depth = 0; current !== undefined && depth < 8; depth++) {
    const text = printable(describeOne(current).replaceAll(/\s*\n\s*/g, ' '));
    if (text !== '' && !parts.some((part) => part.includes(text))) parts.push(text);
    current = current instanceof Error ? current.cause : undefined;
  }
  return parts.join(': ');
}

function describeOne(error: unknown): string {
  if (error instanceof Error) return error.message || errorCode(error) || error.name;
  return typeof error === 'string' ? error : inspect(error, { breakLength: Number.POSITIVE_INFINITY });
}

/** Of an error that was thrown while cleaning up after another one, that other one. */
export function firstError(error: unknown): unknown {
  // By its name: Node 20 has no class of this name, every compiler brings its own.
  return error instanceof Error && error.name === 'SuppressedError' && 'suppressed' in error
    ? firstError(error.suppressed)
    : error;
}

/** The `code` of a Node system or library error (`ENOENT`, `ECONNREFUSED`, …), if it has one. */
export function errorCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}
