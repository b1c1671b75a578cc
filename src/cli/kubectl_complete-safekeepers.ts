#!/usr/bin/env node
import { guardProcess } from './errors.ts';
import { runKubectlCompletion } from './program.ts';

guardProcess(process);
// kubectl finds this on the PATH to complete command lines of `kubectl safekeepers`.
process.exitCode = await runKubectlCompletion(process.argv.slice(2));
