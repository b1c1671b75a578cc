import { expect, test } from 'vitest';
import { BufferPool } from '../../src/base/buffer-pool.ts';

test('BufferPool lends what was given back, once, and keeps no more than it may', () => {
  const pool = new BufferPool(8, 1);
  const one = pool.take();
  const other = pool.take();
  expect([one.bytes.length, one.bytes === other.bytes]).toEqual([8, false]);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  other[Symbol.dispose]();
  expect(pool.take().bytes).toBe(one.bytes);
  const fresh = pool.take().bytes;
  expect([one.bytes, other.bytes].includes(fresh)).toBe(false);
});
