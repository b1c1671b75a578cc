import { defineConfig } from 'vitest/config';

/** `make test-real`: what runs against both forms of the API server, and what makes sense on a real one alone. */
export default defineConfig({
  oxc: { target: 'node20' },
  test: {
    include: ['test/**/*.real.test.ts'],
    globalSetup: ['test/envtest/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
