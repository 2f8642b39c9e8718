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

// In CI a test may fail once, on a machine that stalls or by a seed. The reporter names each that did, and how: nothing is
// hidden. Fuzzing has one seed there and is not tried again.
const tolerant = [
  { extends: true as const, test: { name: 'fuzz', include: fuzz } },
  { extends: true as const, test: { name: 'tests', include: all, exclude: fuzz, retry: 1 } },
];

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: process.env['CI_RETRY'] === undefined ? { ...test, include: all } : { ...test, projects: tolerant },
});
