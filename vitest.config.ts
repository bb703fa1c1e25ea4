import { defineConfig } from 'vitest/config';

/**
 * Three projects, by what they need and how long they take:
 *   unit   pure and in-process; the inner loop
 *   infra  synthesizes the CDK app and bundles the Lambdas
 *   e2e    a real PostgreSQL, real clients, the whole local system
 * The AWS adapters have a suite of their own, against AWS_ENDPOINT_URL: vitest.aws.config.ts.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/lib/**', 'test/aws/**'],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'infra',
          include: ['test/lib/**/*.test.ts'],
          globalSetup: ['test/lib/support/build.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
