import { Argument, Command } from 'commander';
import { withExamples } from '../help.ts';
import { completionScript, type Shell, SHELLS } from './scripts.ts';

/** `completion SHELL`: prints a script that completes command lines, names of objects included. */
export function completionCommand(program: string): Command {
  const command = new Command('completion')
    .description('print a script that completes command lines in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, program));
    });
  return withExamples(command, [
    [`source <(${program} completion bash)`, 'for ~/.bashrc; the same with zsh'],
    [`${program} completion fish | source`, 'for ~/.config/fish/config.fish'],
  ]);
}
