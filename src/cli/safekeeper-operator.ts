#!/usr/bin/env node
import { guardProcess } from './errors.ts';
import { runProgram } from './program.ts';

guardProcess(process);
process.exitCode = await runProgram(process.argv.slice(2));
