import type { Command } from 'commander';

/** A command line, and what it is good for in a few words. */
export type Example = readonly [commandLine: string, purpose: string];

/** Shows examples below the command's `--help`, in columns where they are short enough. */
export function withExamples(command: Command, examples: readonly Example[]): Command {
  return command.addHelpText('after', `\n${formatExamples(examples)}`);
}

const ALIGNED_WIDTH_MAX = 52;

export function formatExamples(examples: readonly Example[]): string {
  const widths = examples.map(([commandLine]) => commandLine.length).filter((width) => width <= ALIGNED_WIDTH_MAX);
  const width = Math.max(0, ...widths);
  const lines = examples.map(([commandLine, purpose]) =>
    commandLine.length > ALIGNED_WIDTH_MAX
      ? `  ${commandLine}\n  ${' '.repeat(width)}  # ${purpose}`
      : `  ${commandLine.padEnd(width)}  # ${purpose}`,
  );
  return ['Examples:', ...lines].join('\n');
}
