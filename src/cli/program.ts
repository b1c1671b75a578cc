import { Command, CommanderError } from 'commander';
import { version } from '../../package.json';
import { EXIT, exitCodeOf, finalText } from './errors.ts';

export { EXIT } from './errors.ts';

const NAME = 'safekeeper-operator';

/** Each command is loaded only when it is asked for: most need little of the program. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  operator: async () => (await import('./operator.ts')).operatorCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
  status: async () => (await import('./status/command.ts')).statusCommand(),
  restore: async () => (await import('./restore.ts')).restoreCommand(),
  inspect: async () => (await import('./inspect.ts')).inspectCommand(),
  snapshot: async () => (await import('./snapshot.ts')).snapshotCommand(),
  install: async () => (await import('./install.ts')).installCommand(),
  approve: async () => (await import('./verbs/approve.ts')).approveCommand(NAME),
  pause: async () => (await import('./verbs/pause.ts')).pauseCommand(NAME),
  resume: async () => (await import('./verbs/pause.ts')).resumeCommand(NAME),
  'force-donor': async () => (await import('./verbs/force-donor.ts')).forceDonorCommand(NAME),
  crds: async () => (await import('./crds.ts')).crdsCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  completion: async () => (await import('./completion/command.ts')).completionCommand(NAME),
};

/** Runs one command line (without node and the script) and returns the exit code; a command may set `process.exitCode`. */
export async function runProgram(argv: readonly string[]): Promise<number> {
  const [first, ...words] = argv;
  if (first === COMPLETE) return await printCompletions(await loadProgram(words.find(isWord)), words);
  return await execute(await loadProgram(argv.find(isWord)), argv);
}

/** The same for `kubectl safekeepers`. */
export async function runKubectlPlugin(argv: readonly string[]): Promise<number> {
  const { kubectlProgram } = await import('./kubectl-program.ts');
  return await execute(withCommonOptions(kubectlProgram()), argv);
}

/** The same for what kubectl asks to complete a command line of `kubectl safekeepers`. */
export async function runKubectlCompletion(words: readonly string[]): Promise<number> {
  const { kubectlProgram } = await import('./kubectl-program.ts');
  return await printCompletions(withCommonOptions(kubectlProgram()), words);
}

/** What the scripts of `completion` call. */
const COMPLETE = '__complete';

async function printCompletions(program: Command, words: readonly string[]): Promise<number> {
  const { printCandidates } = await import('./completion/print-candidates.ts');
  await printCandidates(program, words);
  return EXIT.done;
}

/** With one command where it is known which, else with all of them. */
async function loadProgram(asked: string | undefined): Promise<Command> {
  const program = new Command(NAME).description('Restores lost replicas of Neon timelines on safekeepers');
  const known = Object.hasOwn(COMMANDS, asked ?? '') ? COMMANDS[asked ?? ''] : undefined;
  for (const load of known === undefined ? Object.values(COMMANDS) : [known]) program.addCommand(await load());
  return withCommonOptions(program);
}

function withCommonOptions(program: Command): Command {
  program.version(version).showHelpAfterError('(add --help for the accepted forms)').exitOverride();
  for (const command of [program, ...program.commands]) {
    if (command !== program) command.copyInheritedSettings(program);
    command.option('--debug', 'show where in the program an error arose, and what caused it');
  }
  return program;
}

async function execute(program: Command, argv: readonly string[]): Promise<number> {
  try {
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.done;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const isDebug = [program, ...program.commands].some(
      (command) => command.opts<{ debug?: boolean }>().debug === true,
    );
    process.stderr.write(`${finalText(error, isDebug)}\n`);
    return exitCodeOf(error);
  }
}

function isWord(argument: string): boolean {
  return !argument.startsWith('-');
}
