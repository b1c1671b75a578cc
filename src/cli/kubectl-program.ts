import { Command } from 'commander';
import { addStatusOptions } from './status/command.ts';
import { approveCommand } from './verbs/approve.ts';
import { forceDonorCommand } from './verbs/force-donor.ts';
import { pauseCommand, resumeCommand } from './verbs/pause.ts';

const NAME = 'kubectl safekeepers';

/** `kubectl safekeepers`: the status by itself, or one of the commands that change it. */
export function kubectlProgram(): Command {
  const commands = [approveCommand(NAME), pauseCommand(NAME), resumeCommand(NAME), forceDonorCommand(NAME)];
  const program = addStatusOptions(new Command(NAME), {
    program: NAME,
    commands: [...commands.map((command) => command.name()), 'help'],
  });
  // A command's own options stand behind it; the status takes its options anywhere.
  program.enablePositionalOptions().helpCommand(true);
  for (const command of commands) program.addCommand(command);
  return program.addHelpText(
    'after',
    '\nA timeline that is called like a command is shown by its type and name: skt/approve.',
  );
}
