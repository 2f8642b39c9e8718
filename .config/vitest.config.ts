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
const e2e = ['test/e2e/**/*.test.ts'];

// In CI a test of the whole program may fail once. The reporter names each that did: nothing is hidden.
const tolerant = [
  { extends: true as const, test: { name: 'e2e', include: e2e, retry: 1 } },
  { extends: true as const, test: { name: 'units', include: all, exclude: e2e } },
];

export default defineConfig({
  root: new URL('..', import.meta.url).pathname,
  test: process.env['CI_RETRY'] === undefined ? { ...test, include: all } : { ...test, projects: tolerant },
});
