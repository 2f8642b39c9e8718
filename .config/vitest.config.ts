import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const test = {
  // Forks, not threads: the uWebSockets.js addon and cluster tests want a process of their own.
  pool: 'forks',
  testTimeout: 30_000,
  hookTimeout: 60_000,
  // Patience costs nothing where all is well: what is waited for comes late on a machine that stalls.
  expect: { poll: { timeout: 15_000 } },
  globalSetup: ['test/support/build.ts'],
} as const;

const all = ['test/**/*.test.ts'];
const fuzz = ['test/fuzz/**/*.test.ts'];
/** What measures speed or latency, or takes every core, would disturb the tests beside it: at the end, one after the other. */
const alone = [
  'test/native-bench/**/*.test.ts',
  'test/auth/jwt.test.ts',
  'test/e2e/adaptive-concurrency.test.ts',
  'test/e2e/door.test.ts',
  'test/e2e/flood.test.ts',
  'test/e2e/limit-store.test.ts',
  'test/e2e/limit-trouble.test.ts',
  'test/e2e/origin-death.test.ts',
  'test/e2e/revocation.test.ts',
  'test/pipeline/request-reader.test.ts',
  'test/router/find.test.ts',
  'test/stores/limit-faults.test.ts',
  'test/stores/limit-lease.test.ts',
  'test/stores/limit-redis.test.ts',
  'test/stores/processes.test.ts',
];

// Most tests wait most of the time.
const maxWorkers = availableParallelism() + 1;
// In CI a test may fail once, on a machine that stalls or by a seed. The reporter names each that did, and how: nothing is
// hidden. Fuzzing has one seed there and is not tried again.
const retry = process.env['CI_RETRY'] === undefined ? 0 : 1;

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: {
    ...test,
    projects: [
      { extends: true, test: { name: 'fuzz', include: fuzz, maxWorkers } },
      {
        extends: true,
        test: { name: 'tests', include: all, exclude: [...fuzz, ...alone], maxWorkers, retry },
      },
      { extends: true, test: { name: 'alone', include: alone, maxWorkers: 1, retry } },
    ],
  },
});
