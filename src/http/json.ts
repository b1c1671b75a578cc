import { parse, stringify } from 'json-custom-numbers';
import { describeError, Failure } from '../base/failure.ts';

/** `"__proto__":`, each letter plain or escaped. The parser would make its value the object's prototype. */
const PROTOTYPE_KEY =
  /"(?:_|\\u005[fF]){2}(?:p|\\u0070)(?:r|\\u0072)(?:o|\\u006[fF])(?:t|\\u0074)(?:o|\\u006[fF])(?:_|\\u005[fF]){2}"\s*:/;
/** As long as an unsigned 64-bit number can be; making a bigint of millions of digits takes seconds. */
const INTEGER = /^-?[0-9]{1,20}$/;

/**
 * JSON.parse without rounding: integers beyond ±2^53 of up to 20 digits become bigints (`system_id` is an
 * unsigned 64-bit number), longer ones what JSON.parse makes of them.
 * Throws a Failure `InvalidJson`; deep nesting is no danger.
 */
export function parseLosslessJson(text: string): unknown {
  if (PROTOTYPE_KEY.test(text))
    throw new Failure('InvalidJson', 'JSON with a __proto__ key is refused', { retry: 'never' });
  try {
    return parse(text, undefined, (_key: unknown, digits: string) => {
      const value = Number(digits);
      return Number.isSafeInteger(value) || !INTEGER.test(digits) ? value : BigInt(digits);
    });
  } catch (cause) {
    throw new Failure('InvalidJson', `not valid JSON: ${describeError(cause)}`, { retry: 'never', cause });
  }
}

/** JSON.stringify that writes bigints as plain integers; for values of our own, whose depth is bounded. */
export function stringifyLosslessJson(value: unknown): string {
  return stringify(value, undefined, undefined, (_key: unknown, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : undefined,
  );
}
