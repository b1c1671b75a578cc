import { runProgram } from '../../src/cli/program.ts';

// The whole program, for tests that need it in a process of its own.
process.exitCode = await runProgram(process.argv.slice(2));
