import { describeError, Failure } from '../base/failure.ts';
import { refused } from './errors.ts';

/** What ends the command with exit code 3 when the error is a Failure of one of the reasons; any other error as it is. */
export function asRefusal(error: unknown, reasons: ReadonlySet<string>): unknown {
  return error instanceof Failure && reasons.has(error.reason) ? refused(describeError(error), error) : error;
}

/** Of a command that a signal ended before anything was `done` ("written"). */
export function interrupted(stop: AbortSignal, done: string): Failure {
  return new Failure('Interrupted', `interrupted (${String(stop.reason)}): nothing was ${done}`);
}
