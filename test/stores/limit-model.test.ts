import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { LimitRule } from '../../src/contracts/stores.ts';
import { SharedLimits } from '../../src/stores/limit-shared.ts';
import { ownMemory } from '../../src/stores/shared-memory.ts';
import { ruleOf } from '../suites/limit-store.ts';

/** A limit as a textbook has it: numbers in an object, times in milliseconds. */
type Model = (now: number, cost: number) => boolean;

const models: Record<'token-bucket' | 'sliding-window' | 'fixed-window', (rule: LimitRule) => Model> = {
  'token-bucket': ({ amount, periodMs, burst }) => {
    const token = Math.ceil((periodMs * 1e6) / amount);
    let full = 0;
    return (ms, cost) => {
      const now = ms * 1e6;
      const after = Math.max(full, now) + cost * token;
      if (after - now > burst * token) return false;
      full = after;
      return true;
    };
  },
  'fixed-window': ({ amount, periodMs }) => {
    const counts = new Map<number, number>();
    return (now, cost) => {
      const window = Math.floor(now / periodMs);
      const count = (counts.get(window) ?? 0) + cost;
      if (count > amount) return false;
      counts.set(window, count);
      return true;
    };
  },
  'sliding-window': ({ amount, periodMs }) => {
    const counts = new Map<number, number>();
    return (now, cost) => {
      const window = Math.floor(now / periodMs);
      const left = periodMs * (window + 1) - now;
      const current = (counts.get(window) ?? 0) + cost;
      if ((counts.get(window - 1) ?? 0) * left + current * periodMs > amount * periodMs) return false;
      counts.set(window, current);
      return true;
    };
  },
};

const step = fc.record({ wait: fc.oneof(fc.nat(3), fc.nat(2_000)), cost: fc.integer({ min: 1, max: 3 }) });
const schedule = fc.record({
  amount: fc.integer({ min: 1, max: 12 }),
  burst: fc.integer({ min: 1, max: 12 }),
  periodMs: fc.integer({ min: 1, max: 3_000 }),
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
});

test.each(['token-bucket', 'fixed-window', 'sliding-window'] as const)(
  '%s: 10,000 schedules are decided as the model decides, and no wait is told too short or too long',
  (algorithm) => {
    let ms = 1_000;
    const memory = ownMemory(16 * 1024 * 1024);
    const full = () => {
      throw new Error('the table is full');
    };
    const store = new SharedLimits({ memory, worker: 0, full, now: () => ms * 1e6 });
    fc.assert(
      fc.property(schedule, ({ steps, ...given }) => {
        const rule = ruleOf({ algorithm, ...given });
        const bucket = store.bucket(rule);
        const model = models[algorithm](rule);
        const capacity = algorithm === 'token-bucket' ? rule.burst : rule.amount;
        for (const { wait, cost } of steps) {
          ms += wait;
          const verdict = bucket.take('k', cost) as number;
          expect(verdict >= 0).toBe(model(ms, cost));
          if (verdict >= 0 || cost > capacity) continue;
          ms += -verdict - 1;
          expect(model(ms, cost)).toBe(false);
          ms += 1;
          expect(model(ms, cost)).toBe(true);
          expect(bucket.take('k', cost)).toBeGreaterThanOrEqual(0);
        }
      }),
      { numRuns: 10_000 },
    );
  },
);

test('a clock that stands still, or leaps, never lets more pass than burst and rate allow', () => {
  let ms = 1_000;
  const store = new SharedLimits({
    memory: ownMemory(1024 * 1024),
    worker: 0,
    full: () => undefined,
    now: () => ms * 1e6,
  });
  const bucket = store.bucket(ruleOf({ amount: 10, periodMs: 1_000, burst: 5 }));
  let passed = 0;
  const ask = () => {
    for (let i = 0; i < 50; i++) if ((bucket.take('k', 1) as number) >= 0) passed++;
  };
  ask();
  expect(passed).toBe(5);
  for (const leap of [100, 0, 250, 86_400_000, 0, 400 * 86_400_000]) {
    const before = passed;
    ms += leap;
    ask();
    expect(passed - before).toBe(Math.min(5, Math.floor(leap / 100)));
  }
});
