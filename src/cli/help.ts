import type { Command } from 'commander';

/** A command line, and what it is good for in a few words. */
export type Example = readonly [commandLine: string, purpose: string];

/** Shows examples below the command's `--help`. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  return command.addHelpText('after', `\n${formatExamples(examples)}`);
}

/** As kubectl writes them: each may be copied as a whole. */
export function formatExamples(examples: readonly Example[]): string {
  const blocks = examples.map(([commandLine, purpose]) => `  # ${purpose}\n  ${commandLine}`);
  return `Examples:\n${blocks.join('\n\n')}`;
}
