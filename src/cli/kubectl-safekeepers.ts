#!/usr/bin/env node
import { guardProcess } from './errors.ts';
import { runKubectlPlugin } from './program.ts';
import { endProcess } from './stop-signal.ts';

guardProcess(process);
// kubectl finds this on the PATH for `kubectl safekeepers`.
endProcess(await runKubectlPlugin(process.argv.slice(2)));
