#!/usr/bin/env node
import { runProgram } from './program.ts';

// kubectl finds this on the PATH for `kubectl safekeepers`.
process.exitCode = await runProgram(['status', ...process.argv.slice(2)]);
