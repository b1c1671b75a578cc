import { Failure } from './failure.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The pattern of {@link parseDuration}'s input, for schemas and error messages. */
export const DURATION_PATTERN = '^([0-9]+(ms|s|m|h))+$';

/** Parses a duration as Kubernetes writes it (`30s`, `1h30m`, `500ms`) to milliseconds. Throws a Failure that names the form. */
export function parseDuration(text: string): number {
  let totalMs = new RegExp(DURATION_PATTERN).test(text) ? 0 : Number.NaN;
  for (const [, count, unit = ''] of text.matchAll(/([0-9]+)(ms|s|m|h)/g)) {
    totalMs += Number(count) * (UNIT_MS[unit] ?? Number.NaN);
  }
  if (Number.isSafeInteger(totalMs)) return totalMs;
  throw new Failure('InvalidDuration', `"${text}" is not a duration: write it like 30s, 5m or 1h30m`, {
    retry: 'never',
  });
}
