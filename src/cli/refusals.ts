import { describeError, Failure } from '../base/failure.ts';
import { EXIT } from './program.ts';

/** Ends the command with exit code 3 when the error is a Failure of one of the reasons; any other error is thrown on. */
export function endRefused(error: unknown, reasons: ReadonlySet<string>): void {
  if (!(error instanceof Failure) || !reasons.has(error.reason)) throw error;
  process.stderr.write(`${describeError(error)}\n`);
  process.exitCode = EXIT.refused;
}

/** Of a command that a signal ended before anything was `done` ("written"). */
export function interrupted(stop: AbortSignal, done: string): Failure {
  return new Failure('Interrupted', `interrupted (${String(stop.reason)}): nothing was ${done}`);
}
