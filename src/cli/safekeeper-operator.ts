#!/usr/bin/env node
import { guardProcess } from './errors.ts';
import { runProgram } from './program.ts';
import { endProcess } from './stop-signal.ts';

guardProcess(process);
endProcess(await runProgram(process.argv.slice(2)));
