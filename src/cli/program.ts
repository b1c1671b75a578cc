import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { describeError, Failure } from '../base/failure.ts';

/** What the process says with its exit code. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, partly: 4 } as const;

/** Each command is loaded only when it is asked for: most need little of the program. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  operator: async () => (await import('./operator.ts')).operatorCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
  restore: async () => (await import('./restore.ts')).restoreCommand(),
  inspect: async () => (await import('./inspect.ts')).inspectCommand(),
  status: async () => (await import('./status.ts')).statusCommand(),
  snapshot: async () => (await import('./snapshot.ts')).snapshotCommand(),
  install: async () => (await import('./install.ts')).installCommand(),
  crds: async () => (await import('./crds.ts')).crdsCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
};

/** Runs one command line (without node and the script) and returns the exit code; a command may set `process.exitCode`. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const program = new Command('safekeeper-operator')
    .description('Restores lost replicas of Neon timelines on safekeepers')
    .version(version)
    .showHelpAfterError('(add --help for the accepted forms)')
    .exitOverride();
  const asked = COMMANDS[argv[0] ?? ''];
  for (const load of asked === undefined ? Object.values(COMMANDS) : [asked]) {
    const command = await load();
    program.addCommand(command.copyInheritedSettings(program));
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    process.stderr.write(`${describeError(error)}\n`);
    return error instanceof Failure && error.reason === 'BadUsage' ? EXIT.usage : EXIT.failed;
  }
}
