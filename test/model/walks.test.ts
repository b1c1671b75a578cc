import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RowResult } from './report.ts';
import { RowPool } from './row-pool.ts';
import type { Row } from './rows.ts';
import { WALKS_NOT_COVERED, WALKS_SHIPPED, WALKS_WRONG } from './walk-rows.ts';

const TIMEOUT_MS = 600_000;

describe('guided random walks', () => {
  let pool: RowPool | undefined;

  beforeAll(async () => {
    pool = await RowPool.start(1);
  });
  afterAll(() => pool?.[Symbol.asyncDispose]());

  const resultOf = async (row: Row): Promise<RowResult> => {
    if (pool === undefined) throw new Error('the worker was not started');
    const result = await pool.check(row);
    console.log(result.report);
    return result;
  };

  test.each(WALKS_SHIPPED)('find nothing wrong: $name', { timeout: TIMEOUT_MS }, async (row) => {
    const { violation, installs, bareInstalls } = await resultOf(row);
    expect(violation).toBeUndefined();
    // Walks on which nothing is ever restored, or never with as few witnesses as may be, would say nothing.
    expect(installs).toBeGreaterThan(200);
    expect(bareInstalls).toBeGreaterThan(100);
  });

  test.each(WALKS_WRONG)('find: $name', { timeout: TIMEOUT_MS }, async (row) => {
    const { violation } = await resultOf(row);
    expect(row.violates).toContain(violation?.invariant);
  });

  test.skip.each(WALKS_NOT_COVERED)('do not find, though it is wrong: $name', () => {});
});
