import { z } from 'zod';
import { DURATION_PATTERN, parseDuration } from '../base/duration.ts';
import { assert } from '../base/assert.ts';
import { ID_PATTERN, parseSafekeeperId, type SafekeeperId } from '../domain/ids.ts';
import { LSN_PATTERN } from '../domain/lsn.ts';
import { bounds } from './bounds.ts';
import { celRules, type CelRule } from './rules.ts';

/** The form of a text, as the schema, the API server's refusal and the parser's refusal all state it. */
export interface TextForm {
  /** Anchored; in the common subset of RE2 and ECMAScript. */
  readonly pattern: string;
  readonly lengthMax: number;
  /** Completes "<field> …": `must be …`. */
  readonly message: string;
}

export const URL_FORM: TextForm = {
  pattern: '^https?://([A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$',
  lengthMax: bounds.urlLengthMax,
  message: 'must be http:// or https://, a host and optionally a port, without a path or a trailing slash',
};

export const HEX_ID_FORM: TextForm = {
  pattern: ID_PATTERN,
  lengthMax: 32,
  message: 'must be 32 lower-case hex digits, in quotes',
};

export const PERCENT_FORM: TextForm = {
  pattern: '^(100|[1-9]?[0-9])%$',
  lengthMax: 4,
  message: 'must be a whole percentage from "0%" to "100%"',
};

export const OBJECT_NAME_FORM: TextForm = {
  pattern: '^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$',
  lengthMax: bounds.objectNameLengthMax,
  message: "must be an object's name: lower-case letters, digits, - and .",
};

export const SECRET_KEY_FORM: TextForm = {
  pattern: '^[A-Za-z0-9._-]+$',
  lengthMax: bounds.secretKeyLengthMax,
  message: 'must be a key of a Secret or ConfigMap: letters, digits, -, _ and .',
};

export const LSN_FORM: TextForm = { pattern: LSN_PATTERN, lengthMax: 17, message: 'must be an LSN like 0/466DF60' };

export const DECIMAL_FORM: TextForm = { pattern: '^[0-9]+$', lengthMax: 20, message: 'must be decimal digits' };

/** A text whose form offline tools read from `pattern`; for fields that only the operator writes. */
export function patterned({ pattern, lengthMax, message }: TextForm) {
  const form = new RegExp(pattern);
  return z
    .string({ error: message })
    .max(lengthMax, message)
    .refine((value) => form.test(value), message)
    .meta({ pattern });
}

/** A text that people write: the API server's refusal says the form in words, not only as a pattern. */
export function text(form: TextForm, ...more: readonly CelRule[]) {
  const matches = { cel: `self.matches(${celString(form.pattern)})`, message: form.message };
  return patterned(form).meta(celRules(matches, ...more));
}

/** A duration from `min` to `max`, both in Kubernetes' own form. Read it with `parseDuration`. */
export function duration(min: string, max: string) {
  const [minMs, maxMs] = [parseDuration(min), parseDuration(max)];
  const form = new RegExp(DURATION_PATTERN);
  const message = `must be a duration like 30s, 5m or 1h30m, from ${min} to ${max}`;
  const isInRange = (value: string) => {
    const valueMs = form.test(value) ? parseDuration(value) : Number.NaN;
    return valueMs >= minMs && valueMs <= maxMs;
  };
  const cel = [
    `self.matches(${celString(DURATION_PATTERN)})`,
    `duration(self) >= duration('${min}')`,
    `duration(self) <= duration('${max}')`,
  ].join(' && ');
  return z
    .string({ error: message })
    .max(bounds.durationLengthMax, message)
    .refine(isInRange, message)
    .meta({ pattern: DURATION_PATTERN, ...celRules({ cel, message }) });
}

/** One of a closed set of CamelCase words. */
export function choice<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, { error: `must be one of ${values.join(', ')}` });
}

/** A whole number from `min` to `max`. */
export function whole(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .int({ error: message })
    .min(min, message)
    .max(max, message)
    .meta({ format: max < 2 ** 31 ? 'int32' : 'int64' });
}

/** A count or a number of bytes that only the operator writes; exact up to 2^53 - 1, as JSON numbers are. */
export function count() {
  return whole(0, Number.MAX_SAFE_INTEGER);
}

export function flag() {
  return z.boolean({ error: 'must be true or false' });
}

/** A safekeeper's id; 2^53 - 1 is the largest number that every JSON reader keeps. Type it with {@link toSafekeeperId}. */
export function safekeeperId() {
  return whole(0, Number.MAX_SAFE_INTEGER);
}

/** The number must have passed {@link safekeeperId}. */
export function toSafekeeperId(value: number): SafekeeperId {
  const id = parseSafekeeperId(value);
  assert(id !== undefined, 'the schema admits only safekeeper ids');
  return id;
}

/** RFC 3339. */
export function timestamp() {
  return z.string().max(64).meta({ format: 'date-time' });
}

/** One sentence for people. */
export function message() {
  return z.string().max(bounds.messageLengthMax);
}

/** CEL's double-quoted strings escape as JSON's do. */
function celString(value: string): string {
  return JSON.stringify(value);
}
