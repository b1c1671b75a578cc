import { defineConfig } from 'vitest/config';

/** `make test-real`: what runs against both forms of the API server, and what makes sense on a real one alone. */
export default defineConfig({
  oxc: { target: 'node20' },
  test: {
    include: [
      'test/controllers/**/*.test.ts',
      'test/kube/api-server.test.ts',
      'test/dev-cluster/*.test.ts',
      'test/cli/*-api.test.ts',
      'test/**/*.real.test.ts',
    ],
    exclude: ['test/**/*.embedded.test.ts'],
    globalSetup: ['test/envtest/global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
