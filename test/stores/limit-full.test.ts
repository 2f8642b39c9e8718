import { expect, test } from 'vitest';
import { SharedLimits } from '../../src/stores/limit-shared.ts';
import { ownMemory } from '../../src/stores/shared-memory.ts';
import { ruleOf, takeMany } from '../suites/limit-store.ts';

/** Limits over a table of some 1,000 places. */
function small() {
  let now = 5e9;
  let told = 0;
  const memory = ownMemory(48 * 1024);
  const store = new SharedLimits({ memory, worker: 0, full: () => told++, now: () => now });
  return { memory, store, told: () => told, advance: (ms: number) => void (now += ms * 1e6) };
}

test.each(['token-bucket', 'sliding-window', 'fixed-window'] as const)(
  '%s: keys that find no place share one bucket, and that is counted; later there is room again',
  async (algorithm) => {
    const { memory, store, told, advance } = small();
    const bucket = store.bucket(ruleOf({ algorithm, amount: 3, periodMs: 60_000 }));
    const keys = 2 * memory.layout.slotCount;
    let passed = 0;
    for (let i = 0; i < keys; i++) passed += await takeMany(bucket, `key ${i}`, 5);
    expect(told()).toBeGreaterThan(0);
    // A place of its own for at most every slot, and the one bucket for the rest.
    expect(passed).toBeLessThanOrEqual(3 * (memory.layout.slotCount + 1));
    expect(passed).toBeGreaterThan(3 * memory.layout.slotCount * 0.8);
    const before = told();
    advance(200_000);
    expect(await takeMany(bucket, 'a new one', 5)).toBe(3);
    expect(told()).toBe(before);
  },
);

test('concurrency: a key that finds no place is refused, and that is counted', async () => {
  const { memory, store, told } = small();
  const bucket = store.bucket(ruleOf({ algorithm: 'concurrency', amount: 1 }));
  let passed = 0;
  for (let i = 0; i < 1_000; i++) passed += await takeMany(bucket, `key ${i}`, 1);
  expect(passed).toBeLessThanOrEqual(memory.layout.recordCount);
  expect(told()).toBe(1_000 - passed);
  for (let i = 0; i < 1_000; i++) bucket.give(`key ${i}`, 1);
  expect(await takeMany(bucket, 'a new one', 2)).toBe(1);
});
