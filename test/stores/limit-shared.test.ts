import { expect, test } from 'vitest';
import type { SharedMemory } from '../../src/stores/shared-memory.ts';
import { ownMemory as privateMemory } from '../../src/stores/shared-memory.ts';
import { SharedLimits } from '../../src/stores/limit-shared.ts';
import { limitStoreSuite, ruleOf, takeMany } from '../suites/limit-store.ts';
import { MB, ownMemory } from './memory.ts';

const never = () => {
  throw new Error('the table is full');
};

/** Limits whose clock is the test's. */
function still(memory: SharedMemory, share = 1) {
  let now = 5e9;
  const store = new SharedLimits({ memory, worker: 0, full: never, share, now: () => now });
  return {
    store,
    isStill: true,
    advance: (ms: number) => void (now += ms * 1e6),
    close: () => undefined,
  };
}

limitStoreSuite('memory that workers share', () => still(ownMemory()));
limitStoreSuite('memory of one process', () => still(privateMemory(MB)));

limitStoreSuite('shared memory by the real clock', () => ({
  store: new SharedLimits({ memory: ownMemory(), worker: 1, full: never }),
  isStill: false,
  advance: (ms) => new Promise((resolve) => setTimeout(resolve, ms + 1)),
  close: () => undefined,
}));

test('two workers count as one', async () => {
  const memory = ownMemory();
  const [a, b] = [0, 1].map((worker) => new SharedLimits({ memory, worker, full: never }));
  for (const algorithm of ['token-bucket', 'sliding-window', 'fixed-window', 'concurrency'] as const) {
    const rule = ruleOf({ algorithm, amount: 5 });
    expect(await takeMany(a!.bucket(rule), 'k', 3)).toBe(3);
    expect(await takeMany(b!.bucket(rule), 'k', 9)).toBe(2);
  }
});

test('alone, each process enforces its share: rates exactly, numbers rounded down, at least 1', async () => {
  const { store, advance } = still(privateMemory(MB), 3);
  const bucket = store.bucket(ruleOf({ amount: 10, burst: 10, periodMs: 3_000 }));
  expect(await takeMany(bucket, 'k', 9)).toBe(3);
  // 10 per 3 s among 3: one in 0.9 s, not 3 per 3 s.
  expect(await bucket.take('k', 1)).toBe(-900);
  advance(90_000);
  for (let i = 0; i < 100; i++) {
    expect(await bucket.take('paced', 1)).toBeGreaterThanOrEqual(0);
    advance(900);
  }
  for (const algorithm of ['sliding-window', 'fixed-window', 'concurrency'] as const) {
    expect(await takeMany(store.bucket(ruleOf({ algorithm, amount: 8 })), 'k', 9)).toBe(2);
    expect(await takeMany(store.bucket(ruleOf({ algorithm, amount: 1 })), 'k', 9)).toBe(1);
  }
});

test('a window cannot count beyond its bits, and says so when it is bound', () => {
  const { store } = still(privateMemory(MB));
  const rule = ruleOf({ algorithm: 'fixed-window', amount: 2 ** 24 });
  expect(() => store.bucket(rule)).toThrow('use a token bucket');
});

test('another period carries a window on: never more than either would let pass', async () => {
  for (const algorithm of ['sliding-window', 'fixed-window'] as const) {
    const { store, advance } = still(privateMemory(MB));
    const rule = ruleOf({ algorithm, amount: 10, periodMs: 60_000 });
    expect(await takeMany(store.bucket(rule), 'k', 8)).toBe(8);
    const hourly = store.bucket({ ...rule, periodMs: 3_600_000 });
    expect(await takeMany(hourly, 'k', 9)).toBe(2);
    const quick = store.bucket({ ...rule, periodMs: 1_000 });
    expect(await takeMany(quick, 'k', 9)).toBe(0);
    advance(2_000);
    expect(await takeMany(quick, 'k', 19)).toBe(10);
  }
});
