import { defineConfig } from 'vitest/config';

/** `npm run test:aws`: the AWS adapters against whatever AWS_ENDPOINT_URL names. See test/aws/endpoint.ts. */
export default defineConfig({
  test: {
    name: 'aws',
    include: ['test/aws/**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One endpoint, and moto resets all of it between two executions of a state machine.
    fileParallelism: false,
  },
});
