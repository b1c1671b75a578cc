import { defineConfig } from 'vitest/config';

export default defineConfig({
  // `using` and `await using` are lowered: Node 20 does not parse them.
  oxc: { target: 'node20' },
  test: {
    include: ['test/**/*.test.ts'],
    // vitest.real.config.ts has those.
    exclude: ['test/**/*.real.test.ts'],
    // What is printed depends on it, and a bare machine has none.
    env: { LC_ALL: 'C.UTF-8' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
  },
});
