import { parentPort } from 'node:worker_threads';
import { check } from './report.ts';
import { ALL_ROWS } from './rows.ts';
import { ALL_WALKS } from './walk-rows.ts';

// A worker thread of `RowPool`: gets names of rows, answers with results.
parentPort?.on('message', (name: string) => {
  const row = [...ALL_ROWS, ...ALL_WALKS].find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row is called ${name}`);
  parentPort?.postMessage(check(row, () => performance.now()));
});
