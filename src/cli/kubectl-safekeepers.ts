#!/usr/bin/env node
import { guardProcess } from './errors.ts';
import { runKubectlPlugin } from './program.ts';

guardProcess(process);
// kubectl finds this on the PATH for `kubectl safekeepers`.
process.exitCode = await runKubectlPlugin(process.argv.slice(2));
