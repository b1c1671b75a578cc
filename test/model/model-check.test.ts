import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowResult } from './report.ts';
import { RowPool } from './row-pool.ts';
import { type Row, SHIPPED, WRONG } from './rows.ts';

const TIMEOUT_MS = 600_000;
const WORKER_COUNT = 2;

describe('every interleaving of campaigns, lost disks and recoveries by the shipped module', () => {
  const results = new Map<Row, Promise<RowResult>>();
  let pool: RowPool | undefined;

  beforeAll(async () => {
    const started = await RowPool.start(WORKER_COUNT);
    pool = started;
    // The longest first, all at once; each test awaits its own.
    for (const row of [...SHIPPED, ...WRONG]) results.set(row, started.check(row));
  });
  afterAll(() => pool?.[Symbol.asyncDispose]());

  const resultOf = async (row: Row): Promise<RowResult> => {
    const result = await results.get(row);
    if (result === undefined) throw new Error('the row was not started');
    console.log(result.report);
    return result;
  };

  test.each(SHIPPED)('holds: $name', { timeout: TIMEOUT_MS }, async (row) => {
    const { violation, installs } = await resultOf(row);
    expect(violation).toBeUndefined();
    // An exploration in which nothing is ever restored would prove nothing.
    expect(installs).toBeGreaterThan(1_000);
  });

  test.each(WRONG)('is found: $name', { timeout: TIMEOUT_MS }, async (row) => {
    const { violation } = await resultOf(row);
    expect(row.violates).toContain(violation?.invariant);
  });
});
