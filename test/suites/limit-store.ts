import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Bucket, LimitRule, LimitStore } from '../../src/contracts/stores.ts';

/** One home of the limits, opened for the suite. */
export interface Opened {
  readonly store: LimitStore;
  /** Lets that many milliseconds pass: at once where the clock is the test's, else by waiting. */
  advance(ms: number): void | Promise<void>;
  /** Whether no time passes but by `advance`. */
  readonly isStill: boolean;
  close(): void | Promise<void>;
}

let names = 0;

/** A rule that no other test uses. */
export const ruleOf = (rule: Partial<LimitRule>): LimitRule => ({
  id: `route/limit-${names++}`,
  algorithm: 'token-bucket',
  amount: 10,
  periodMs: 3_600_000,
  burst: rule.amount ?? 10,
  exact: true,
  ...rule,
});

export async function takeMany(bucket: Bucket, key: string, times: number): Promise<number> {
  let passed = 0;
  for (let i = 0; i < times; i++) if ((await bucket.take(key, 1)) >= 0) passed++;
  return passed;
}

/** What every home of the limits promises (`contracts/stores.ts`). */
export function limitStoreSuite(name: string, open: () => Opened | Promise<Opened>): void {
  describe(`limits counted in ${name}`, () => {
    let opened: Opened;
    const make = (rule: Partial<LimitRule>) => opened.store.bucket(ruleOf(rule));

    beforeAll(async () => {
      opened = await open();
    });
    afterAll(async () => {
      await opened.store.close();
      await opened.close();
    });

    describe.each(['token-bucket', 'sliding-window', 'fixed-window'] as const)('%s', (algorithm) => {
      test('lets exactly the limit pass at once and says how many are left', async () => {
        const bucket = make({ algorithm, amount: 5, burst: 5 });
        const verdicts = [];
        for (let i = 0; i < 5; i++) verdicts.push(await bucket.take('k', 1));
        expect(verdicts).toEqual([4, 3, 2, 1, 0]);
        const refused = await bucket.take('k', 1);
        expect(refused).toBeLessThanOrEqual(-1);
        expect(Number.isInteger(refused)).toBe(true);
      });

      test('takes a cost whole or not at all', async () => {
        const bucket = make({ algorithm, amount: 10, burst: 10 });
        expect(await bucket.take('k', 7)).toBe(3);
        expect(await bucket.take('k', 4)).toBeLessThan(0);
        expect(await bucket.take('k', 3)).toBe(0);
        expect(await bucket.take('k', 1)).toBeLessThan(0);
      });

      test('what costs more than the limit never passes and takes nothing', async () => {
        const bucket = make({ algorithm, amount: 3, burst: 3 });
        expect(await bucket.take('k', 4)).toBeLessThan(0);
        expect(await bucket.take('k', 3)).toBe(0);
      });

      test('what is given back can be taken again, and nothing more than the limit', async () => {
        const bucket = make({ algorithm, amount: 4, burst: 4 });
        await takeMany(bucket, 'k', 4);
        bucket.give('k', 2);
        expect(await takeMany(bucket, 'k', 10)).toBe(2);
        for (let i = 0; i < 9; i++) bucket.give('k', 1);
        expect(await takeMany(bucket, 'k', 10)).toBe(4);
        bucket.give('never seen', 1);
        expect(await takeMany(bucket, 'never seen', 10)).toBe(4);
      });

      test('what is given back after its time has passed lets nobody pass', async () => {
        const bucket = make({ algorithm, amount: 4, burst: 4 });
        await takeMany(bucket, 'k', 4);
        bucket.give('k', 1, -3_600_000);
        if (algorithm !== 'sliding-window') bucket.give('k', 1, -1);
        expect(await takeMany(bucket, 'k', 2)).toBe(0);
        bucket.give('k', 1, bucket.resetMs(0));
        expect(await takeMany(bucket, 'k', 2)).toBe(1);
      });

      test('a take of one window, given back in the next, credits nothing of that', async () => {
        if (!opened.isStill) return;
        const bucket = make({ algorithm, amount: 2, burst: 2, periodMs: 1_000 });
        const left = bucket.resetMs(await bucket.take('k', 1));
        await opened.advance(1_000);
        const free = await takeMany(bucket, 'k', 3);
        bucket.give('k', 1, left - 1_000);
        // Of a sliding window it was half of what counted.
        expect([free, await takeMany(bucket, 'k', 3)]).toEqual(
          algorithm === 'sliding-window' ? [1, 1] : [2, 0],
        );
      });

      test('keys and limits have nothing to do with each other', async () => {
        const [one, other] = [make({ algorithm, amount: 2 }), make({ algorithm, amount: 2 })];
        for (const bucket of [one, other])
          for (const key of ['a', 'b', '', 'é', 'a\0', 'x'.repeat(5_000)]) {
            expect(await takeMany(bucket, key, 4)).toBe(2);
          }
      });

      test('passes when the time that it told is over, and everything in the end', async () => {
        const bucket = make({ algorithm, amount: 4, burst: 4, periodMs: 400 });
        await takeMany(bucket, 'k', 5);
        // Where time passes by itself some may have come back meanwhile.
        let verdict = await bucket.take('k', 1);
        while (verdict >= 0) verdict = await bucket.take('k', 1);
        const wait = -verdict;
        expect(wait).toBeLessThanOrEqual(800);
        if (opened.isStill) {
          await opened.advance(wait - 1);
          expect(await bucket.take('k', 1)).toBe(-1);
        }
        await opened.advance(opened.isStill ? 1 : wait);
        expect(await bucket.take('k', 1)).toBeGreaterThanOrEqual(0);
        await opened.advance(800);
        expect(await takeMany(bucket, 'k', opened.isStill ? 9 : 4)).toBe(4);
      });

      test('a bucket bound again counts on, also under another amount', async () => {
        const rule = ruleOf({ algorithm, amount: 10, burst: 10 });
        await takeMany(opened.store.bucket(rule), 'k', 10);
        expect(await opened.store.bucket(rule).take('k', 1)).toBeLessThan(0);
        expect(await opened.store.bucket({ ...rule, amount: 8, burst: 8 }).take('k', 1)).toBeLessThan(0);
      });

      test('tells when it is as if nothing had been taken', async () => {
        const bucket = make({ algorithm, amount: 10, burst: 10, periodMs: 60_000 });
        const verdict = await bucket.take('k', 5);
        const reset = bucket.resetMs(verdict);
        expect(reset).toBeGreaterThan(0);
        expect(reset).toBeLessThanOrEqual(algorithm === 'token-bucket' ? 30_000 : 60_000);
      });
    });

    test('capacity 10, refill 1/s, 15 at once: 10 pass', async () => {
      const bucket = make({ amount: 1, periodMs: 1_000, burst: 10 });
      const verdicts = await Promise.all(
        Array.from({ length: 15 }, () => Promise.resolve(bucket.take('k', 1))),
      );
      expect(verdicts.filter((verdict) => verdict >= 0)).toHaveLength(10);
    });

    test('a token bucket keeps its capacity apart from its rate', async () => {
      const bucket = make({ amount: 1, periodMs: 3_600_000, burst: 3 });
      expect(await takeMany(bucket, 'k', 9)).toBe(3);
      expect(-(await bucket.take('k', 1))).toBeGreaterThan(3_500_000);
    });

    test('a bucket emptied under a slow rate is at worst empty under a fast one', async () => {
      const rule = ruleOf({ amount: 1, burst: 5, periodMs: 3_600_000 });
      await takeMany(opened.store.bucket(rule), 'k', 5);
      const faster = opened.store.bucket({ ...rule, amount: 100, periodMs: 1_000 });
      expect(-(await faster.take('k', 1))).toBeLessThanOrEqual(10);
    });

    test('concurrency: as many at once as it says, and the next when one has ended', async () => {
      const bucket = make({ algorithm: 'concurrency', amount: 3, periodMs: 0 });
      expect([await bucket.take('k', 1), await bucket.take('k', 1), await bucket.take('k', 1)]).toEqual([
        2, 1, 0,
      ]);
      expect(await bucket.take('k', 1)).toBeLessThan(0);
      expect(await bucket.take('other', 1)).toBe(2);
      bucket.give('k', 1);
      expect(await bucket.take('k', 1)).toBe(0);
      for (let i = 0; i < 9; i++) bucket.give('k', 1);
      expect(await takeMany(bucket, 'k', 9)).toBe(3);
    });
  });
}
