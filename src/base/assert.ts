/** A broken invariant of this program. Never thrown for remote or user input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** Throws when an invariant of this program does not hold. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(invariant);
}

/** Ends every switch over a tagged union: the compiler proves that it is never reached. */
export function assertNever(value: never): never {
  throw new AssertionError(`unexpected variant: ${String(value)}`);
}
