import { InvalidArgumentError } from 'commander';
import { parseSafekeeperId, type SafekeeperId } from '../domain/ids.ts';

export function parseSafekeeperIdArgument(text: string): SafekeeperId {
  const id = parseSafekeeperId(text);
  if (id === undefined) throw new InvalidArgumentError('It must be a number from 0 to 2^64 - 1, for example 3.');
  return id;
}
