import { parentPort } from 'node:worker_threads';
import { check } from './report.ts';
import { ALL_ROWS } from './rows.ts';

// A worker thread of `RowPool`: gets names of rows, answers with results.
parentPort?.on('message', (name: string) => {
  const row = ALL_ROWS.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row is called ${name}`);
  parentPort?.postMessage(check(row, () => performance.now()));
});
