import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openMeter, takeLocally } from '../../src/stores/local-meter.ts';
import { Members } from '../../src/stores/members.ts';
import { rule } from './redis-support.ts';

const named = (count: number) => Array.from({ length: count }, (_, i) => `node${i % 3}/${i}`);

/** Every one of `count` processes, when all have seen each other. */
function all(count: number, least: number): Members[] {
  return named(count).map((own) => {
    const members = new Members(own, least);
    members.heard(named(count), 0, 1_000);
    return members;
  });
}

test('the parts of all are the whole, or less while some have not been seen', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.nat(30),
      fc.nat(1_000),
      fc.nat(),
      (count, least, amount, salt) => {
        const parts = all(count, least).map((each) => each.part(amount, salt));
        const sum = parts.reduce((total, part) => total + part, 0);
        expect(sum).toBeLessThanOrEqual(amount);
        if (least <= count) expect(sum).toBe(amount);
        expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test('who was never told of others takes only what is surely its own', () => {
  expect(new Members('a/0', 3).part(10, 1)).toBe(3);
  expect(new Members('a/0', 3).part(2, 1)).toBe(0);
});

test('who is not named any more counts until it is not believed', () => {
  const members = new Members('a/0', 1);
  members.heard(['a/0', 'b/0'], 0, 1_000);
  members.heard(['a/0'], 900, 1_000);
  expect(members.count).toBe(2);
  members.heard(['a/0'], 1_100, 1_000);
  expect(members.count).toBe(1);
});

const schedule = fc.array(
  fc.record({ wait: fc.nat(400), process: fc.nat(), cost: fc.integer({ min: 1, max: 3 }) }),
  { minLength: 1, maxLength: 120 },
);

test.each(['token-bucket', 'fixed-window', 'sliding-window'] as const)(
  '%s without Redis: all processes together stay below the envelope of the limit',
  (algorithm) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 30 }),
        schedule,
        (count, amount, steps) => {
          const limit = rule({ algorithm, amount, burst: amount, periodMs: 1_000 });
          const parts = all(count, 1).map((each) => ({
            rule: limit,
            capacity: each.part(amount, 7),
            sharers: each.count,
          }));
          const meters = parts.map((part) => openMeter(part, 0, 0));
          const admitted: { at: number; cost: number }[] = [];
          let now = 0;
          for (const { wait, process, cost } of steps) {
            now += wait;
            const i = process % count;
            if (takeLocally(meters[i]!, parts[i]!, cost, now) >= 0) admitted.push({ at: now, cost });
          }
          for (const { at: from } of admitted) {
            let sum = 0;
            for (const { at, cost } of admitted) {
              if (at < from) continue;
              sum += cost;
              const windows = Math.floor(at / 1_000) - Math.floor(from / 1_000) + 1;
              const most =
                algorithm === 'token-bucket' ? amount + ((at - from) * amount) / 1_000 : amount * windows;
              expect(sum).toBeLessThanOrEqual(most + 1e-6);
            }
          }
        },
      ),
      { numRuns: 1_000 },
    );
  },
);
