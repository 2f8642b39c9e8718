import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { LimitAlgorithm } from '../../src/contracts/stores.ts';
import { limitStoreSuite } from '../suites/limit-store.ts';
import { startRedis } from '../support/redis.ts';
import { allowed, connected, openLimits, rule, takes } from './redis-support.ts';

const times = <T>(n: number, make: (i: number) => T): T[] => Array.from({ length: n }, (_, i) => make(i));

/** Two processes that share one Redis. */
async function pair(keys: object = {}) {
  const redis = await startRedis();
  const stores = times(2, () => openLimits({ url: redis.url, timeout: '1000ms', ...keys }));
  await Promise.all(stores.map(connected));
  return { redis, stores, a: stores[0]!, b: stores[1]! };
}

describe('exact', () => {
  test.each<LimitAlgorithm>(['token-bucket', 'sliding-window', 'fixed-window', 'concurrency'])(
    '%s admits the limit over two processes, and no more',
    async (algorithm) => {
      const { stores } = await pair();
      const buckets = stores.map(({ store }) => store.bucket(rule({ algorithm, periodMs: 3_600_000 })));
      const verdicts = await takes(30, (i) => buckets[i % 2]!.take('k', 1));
      expect(allowed(verdicts)).toBe(10);
      expect(verdicts.filter((each) => each < 0).every((each) => Number.isInteger(each) && each <= -1)).toBe(
        true,
      );
      expect(await buckets[0]!.take('other', 1)).toBe(9);
      expect(await buckets[1]!.take('other', 9)).toBe(0);
      expect(await buckets[1]!.take('other', 1)).toBeLessThan(0);
    },
  );

  test('capacity 10, refill 1/s, 15 at once: exactly 10 pass, and one more after a second', async () => {
    const { a } = await pair();
    const bucket = a.store.bucket(rule({ amount: 1, periodMs: 1_000, burst: 10 }));
    const go = async (key: string) => {
      const began = performance.now();
      const verdicts = await takes(15, () => bucket.take(key, 1));
      const wait = -Math.min(...verdicts);
      const took = performance.now() - began;
      await sleep(wait + 5);
      const more = allowed([await bucket.take(key, 1), await bucket.take(key, 1)]);
      const isStalled = took > 200 || performance.now() - began > 1_900;
      return { first: allowed(verdicts), wait, more, isStalled };
    };
    let seen = await go('k0');
    // Where the machine stalls, more than one comes back.
    for (let turn = 1; turn < 5 && seen.isStalled; turn++) seen = await go(`k${turn}`);
    expect(seen).toMatchObject({ first: 10, more: 1 });
    expect(seen.wait).toBeGreaterThan(800);
    expect(seen.wait).toBeLessThanOrEqual(1_000);
  });

  test('a take that is given back did not count', async () => {
    const { a, b } = await pair();
    for (const algorithm of ['token-bucket', 'sliding-window', 'fixed-window', 'concurrency'] as const) {
      const [first, second] = [a, b].map(({ store }) =>
        store.bucket(rule({ algorithm, amount: 2, burst: 2 })),
      );
      await first!.take('k', 2);
      expect(await second!.take('k', 1)).toBeLessThan(0);
      first!.give('k', 1);
      await expect.poll(() => second!.take('k', 1)).toBe(0);
    }
  });

  test('a window ends when it says so', async () => {
    const { a } = await pair();
    const bucket = a.store.bucket(rule({ algorithm: 'fixed-window', periodMs: 300 }));
    await takes(10, () => bucket.take('k', 1));
    const verdict = await bucket.take('k', 1);
    if (verdict < 0) await sleep(-verdict);
    expect(await bucket.take('k', 1)).toBeGreaterThan(0);
    expect(bucket.resetMs(0)).toBeLessThanOrEqual(300);
  });

  test('idle keys vanish, and every key stands under the prefix with one hash tag', async () => {
    const { redis, a } = await pair({ prefix: 'gw' });
    for (const algorithm of ['token-bucket', 'sliding-window', 'fixed-window'] as const)
      await a.store.bucket(rule({ algorithm, periodMs: 3_000 })).take('k', 1);
    const keys = redis.cli('keys', 'gw:*:{r/l:k}').split('\n');
    expect(keys.sort()).toEqual(['gw:f:{r/l:k}', 'gw:s:{r/l:k}', 'gw:t:{r/l:k}']);
    await expect.poll(() => redis.cli('keys', 'gw:*:{r/l:k}')).toBe('');
  });

  test('a clock that jumps back an hour (another server) stops no bucket for an hour', async () => {
    const { redis, a } = await pair();
    const [sec = '0'] = redis.cli('time').split('\n');
    const ahead = Number(sec) + 3_600;
    redis.cli('set', 'sluice:t:{r/l:k}', `${ahead}000000 10.0 0 0 1000000000 1000000000`);
    const bucket = a.store.bucket(rule({ amount: 10, periodMs: 1_000 }));
    expect(await bucket.take('k', 1)).toBeLessThan(0);
    await sleep(250);
    expect(await bucket.take('k', 1)).toBeGreaterThanOrEqual(0);
    for (const [letter, algorithm] of [
      ['f', 'fixed-window'],
      ['s', 'sliding-window'],
    ] as const) {
      redis.cli('set', `sluice:${letter}:{r/l:k}`, `${ahead * 2} 10 0 0`);
      const windows = a.store.bucket(rule({ algorithm, amount: 10, periodMs: 500 }));
      expect(await windows.take('k', 1)).toBeLessThan(0);
      await sleep(1_001);
      expect(await windows.take('k', 1)).toBeGreaterThanOrEqual(0);
    }
  });

  test('the lanes of a process that died are free again', async () => {
    const { redis, a, b } = await pair();
    const [first, second] = [a, b].map(({ store }) => store.bucket(rule({ algorithm: 'concurrency' })));
    await first!.take('k', 10);
    expect(await second!.take('k', 1)).toBe(-1_000);
    const [lane = ''] = redis.cli('hkeys', 'sluice:c:{r/l:k}').split('\n');
    redis.cli('hset', 'sluice:c:{r/l:k}', 'dead/0', '5:1');
    redis.cli('hset', 'sluice:c:{r/l:k}', lane, '9:99999999999999');
    expect(await second!.take('k', 1)).toBe(0);
    expect(redis.cli('hexists', 'sluice:c:{r/l:k}', 'dead/0')).toBe('0');
  });
});

limitStoreSuite('Redis, asked for every request', async () => {
  const { redis, a } = await pair();
  return { store: a.store, isStill: false, advance: (ms) => sleep(ms + 2), close: () => redis.remove() };
});
