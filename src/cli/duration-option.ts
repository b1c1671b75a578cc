import { InvalidArgumentError, Option } from 'commander';
import { TIMER_MS_MAX } from '../base/clock.ts';
import { parseDuration } from '../base/duration.ts';
import { describeError } from '../base/failure.ts';

/** `<flag> <duration>`, such as `30s`; its value is in milliseconds, above 0. */
export function durationOption(flag: string, description: string, defaultMs?: number): Option {
  const option = new Option(`${flag} <duration>`, description).argParser(parse);
  return defaultMs === undefined ? option : option.default(defaultMs, `${defaultMs / 1_000}s`);
}

function parse(text: string): number {
  try {
    const durationMs = parseDuration(text);
    if (durationMs > 0 && durationMs <= TIMER_MS_MAX) return durationMs;
  } catch (error) {
    throw new InvalidArgumentError(describeError(error));
  }
  throw new InvalidArgumentError('It must be longer than 0 and at most 24 days.');
}
