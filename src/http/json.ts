import { parse, stringify } from 'json-custom-numbers';
import { describeError, Failure } from '../base/failure.ts';

/** The parser would make such a key an object's prototype; nobody who is honest sends one, plain or escaped. */
const PROTOTYPE_KEY = /__proto__|\\u00(?:5f|6f|70|72|74)/i;
const INTEGER = /^-?[0-9]+$/;

/**
 * JSON.parse without rounding: integers beyond ±2^53 become bigints (`system_id` is an unsigned 64-bit number).
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

/** JSON.stringify that writes bigints as plain integers. */
export function stringifyLosslessJson(value: unknown): string {
  return stringify(value, undefined, undefined, (_key: unknown, inner: unknown) =>
    typeof inner === 'bigint' ? inner.toString() : undefined,
  );
}
