import type { Command, Option } from 'commander';
import { type CompletedNames, NameArgument } from './name-argument.ts';

/** What may stand where the cursor is. */
export interface Candidate {
  readonly value: string;
  readonly description: string;
}

export interface Completion {
  readonly candidates: readonly Candidate[];
  /** Whether names of files may stand there, too. */
  readonly files: boolean;
}

/** The options that were given before the cursor, by their long names without dashes. */
export type GivenOptions = Readonly<Record<string, string>>;

/** Names of objects, with `TYPE/` in front where `current` has it, too, and where a name alone would not do. */
export type NameSource = (
  completes: CompletedNames,
  current: string,
  given: GivenOptions,
) => Promise<readonly string[]>;

const NOTHING: Completion = { candidates: [], files: false };
/** Names of values that stand for files. */
const FILE_VALUE = /file|path|dir/i;

/**
 * What may come next on a command line: `words` without the program, the last one as far as it is written. Made from
 * the commands as they are, so that it is never out of date.
 */
export async function complete(program: Command, words: readonly string[], names: NameSource): Promise<Completion> {
  const before = joinAssignments(words.slice(0, -1));
  const current = words.at(-1) ?? '';
  const place = findPlace(program, before);
  if (place.pending !== undefined) return valuesOf(place.pending, current === '=' ? '' : current);
  const [flag, value] = splitAssignment(current);
  if (value !== undefined && !place.isOperandsOnly) {
    const option = findOption(place.command, flag);
    if (option === undefined) return NOTHING;
    const { candidates, files } = valuesOf(option, value);
    return { candidates: candidates.map((each) => ({ ...each, value: `${flag}=${each.value}` })), files };
  }
  if (current.startsWith('-') && !place.isOperandsOnly) return optionsOf(place, current);
  return await argumentsOf(place, current, names);
}

interface Place {
  readonly command: Command;
  readonly operandCount: number;
  /** Behind `--`. */
  readonly isOperandsOnly: boolean;
  /** The option whose value comes next. */
  readonly pending: Option | undefined;
  readonly given: GivenOptions;
}

/** A shell that breaks words at `=` hands over three of them. */
function joinAssignments(words: readonly string[]): string[] {
  return words.filter((word, index) => word !== '=' || words[index - 1]?.startsWith('--') !== true);
}

function splitAssignment(word: string): [flag: string, value?: string] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1;
  return at < 0 ? [word] : [word.slice(0, at), word.slice(at + 1)];
}

function findPlace(program: Command, words: readonly string[]): Place {
  let command = program;
  let operandCount = 0;
  let isOperandsOnly = false;
  let pending: Option | undefined;
  const given: Record<string, string> = {};
  for (const word of words) {
    if (pending !== undefined) {
      given[pending.name()] = word;
      pending = undefined;
    } else if (isOperandsOnly || !word.startsWith('-')) {
      const next =
        operandCount === 0 && !isOperandsOnly ? subcommands(command).find((each) => isCalled(each, word)) : undefined;
      if (next === undefined) operandCount++;
      else command = next;
    } else if (word === '--') {
      isOperandsOnly = true;
    } else {
      const [flag, value] = splitAssignment(word);
      const option = findOption(command, flag);
      if (option === undefined) continue;
      if (value !== undefined || !takesValue(option)) given[option.name()] = value ?? '';
      else pending = option;
    }
  }
  return { command, operandCount, isOperandsOnly, pending, given };
}

function valuesOf(option: Option, current: string): Completion {
  const choices = option.argChoices ?? [];
  return {
    candidates: choices.filter((choice) => choice.startsWith(current)).map((value) => ({ value, description: '' })),
    files: choices.length === 0 && FILE_VALUE.test(option.flags),
  };
}

function optionsOf({ command, given }: Place, current: string): Completion {
  const candidates = visibleOptions(command)
    .filter((option) => given[option.name()] === undefined)
    .map((option) => ({ value: option.long ?? option.short ?? '', description: option.description }))
    .filter(({ value }) => value.startsWith(current));
  return { candidates, files: false };
}

async function argumentsOf(place: Place, current: string, names: NameSource): Promise<Completion> {
  const { command, operandCount, given } = place;
  const commands = operandCount === 0 && !place.isOperandsOnly ? subcommands(command) : [];
  const declared = command.registeredArguments;
  const last = declared.at(-1);
  const argument = declared[operandCount] ?? (last?.variadic === true ? last : undefined);
  const choices = argument?.argChoices ?? [];
  const objects = argument instanceof NameArgument ? await names(argument.completes, current, given) : [];
  const candidates = [
    ...commands.map((each) => ({ value: each.name(), description: each.description() })),
    ...choices.map((value) => ({ value, description: '' })),
    // Where commands may stand, too, an object that is called like one needs its type.
    ...objects
      .filter((value) => !commands.some((each) => isCalled(each, value)))
      .map((value) => ({ value, description: '' })),
  ].filter(({ value }) => value.startsWith(current));
  return { candidates, files: argument !== undefined && FILE_VALUE.test(argument.name()) };
}

function subcommands(command: Command): Command[] {
  return command.createHelp().visibleCommands(command);
}

function visibleOptions(command: Command): Option[] {
  return command.createHelp().visibleOptions(command);
}

function isCalled(command: Command, word: string): boolean {
  return command.name() === word || command.aliases().includes(word);
}

function findOption(command: Command, flag: string): Option | undefined {
  const own = visibleOptions(command).find(({ short, long }) => flag === short || flag === long);
  return own ?? (command.parent === null ? undefined : findOption(command.parent, flag));
}

function takesValue(option: Option): boolean {
  return option.required || option.optional;
}
