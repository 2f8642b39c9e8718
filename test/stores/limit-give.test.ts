import fc from 'fast-check';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { SharedLimits } from '../../src/stores/limit-shared.ts';
import { LIMIT_SCRIPTS } from '../../src/stores/limit-scripts.ts';
import { ownMemory } from '../../src/stores/shared-memory.ts';
import { ruleOf } from '../suites/limit-store.ts';
import { atEnd } from '../support/cleanup.ts';
import { startRedis } from '../support/redis.ts';

/** A take that passed. */
interface Taken {
  readonly at: number;
  readonly cost: number;
  /** When the bucket would be full again if it were the last. */
  readonly full: number;
}

/** A token bucket that only ever knew what was not given back. Times in milliseconds. */
class PlainBucket {
  readonly #unit: number;
  readonly #burst: number;
  taken: Taken[] = [];
  /** How long the longest took of those that were given back. */
  longest = 0;

  constructor(unit: number, burst: number) {
    this.#unit = unit;
    this.#burst = burst;
  }

  /** Whether it would let pass so much, were it full as much earlier as the longest one took. */
  admits(at: number, cost: number): boolean {
    const full = this.taken.reduce((last, each) => Math.max(last, each.at) + each.cost * this.#unit, 0);
    const level = Math.max(0, full - at - this.longest) + cost * this.#unit;
    return level <= this.#burst * this.#unit + 1e-3;
  }

  /** Takes some of the takes out, oldest first. */
  takeOut(now: number, { which, many }: { which: number; many: number }): Taken[] {
    const from = which % Math.max(1, this.taken.length);
    const given = this.taken.slice(from, from + many);
    this.taken = this.taken.filter((each) => !given.includes(each));
    for (const { at } of given) this.longest = Math.max(this.longest, now - at);
    return given;
  }
}

const step = fc.record({
  wait: fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, fc.nat(30), fc.nat(400)),
  cost: fc.integer({ min: 1, max: 2 }),
  /** Which of those that run are given back: one, or several at once. */
  back: fc.option(fc.record({ which: fc.nat(100), many: fc.integer({ min: 1, max: 3 }) })),
});
const schedule = fc.record({
  amount: fc.integer({ min: 1, max: 20 }),
  burst: fc.integer({ min: 2, max: 12 }),
  steps: fc.array(step, { minLength: 1, maxLength: 30 }),
});

function open() {
  let ms = 1_000;
  const store = new SharedLimits({
    memory: ownMemory(16 * 1024 * 1024),
    worker: 0,
    full: () => expect.unreachable(),
    now: () => ms * 1e6,
  });
  return { store, now: () => ms, wait: (more: number) => (ms += more) };
}

test('memory: 10,000 schedules of takes given back late: above what the others may have by at most what the longest refilled', () => {
  const { store, now, wait } = open();
  fc.assert(
    fc.property(schedule, ({ amount, burst, steps }) => {
      const bucket = store.bucket(ruleOf({ amount, burst, periodMs: 1_000 }));
      const model = new PlainBucket(Math.ceil(1e9 / amount) / 1e6, burst);
      for (const { wait: ms, cost, back } of steps) {
        wait(ms);
        const verdict = bucket.take('k', cost) as number;
        if (verdict >= 0) {
          expect(model.admits(now(), cost)).toBe(true);
          model.taken.push({ at: now(), cost, full: now() + bucket.resetMs(verdict) });
        }
        if (back === null) continue;
        for (const { cost, full } of model.takeOut(now(), back)) bucket.give('k', cost, full - now());
      }
    }),
    { numRuns: 10_000 },
  );
});

test('memory: what is given back before time passes was never taken, in whatever order', () => {
  const { store } = open();
  const order = fc.shuffledSubarray([1, 2, 3, 4, 5, 6, 7, 8], { minLength: 8 });
  fc.assert(
    fc.property(order, fc.nat(3), (places, kept) => {
      const bucket = store.bucket(ruleOf({ amount: 1, burst: 8 }));
      for (const _ of places) expect(bucket.take('k', 1)).toBeGreaterThanOrEqual(0);
      for (const place of places.slice(kept)) bucket.give('k', 1, place * 3_600_000);
      let passed = 0;
      for (let i = 0; i < 20; i++) if ((bucket.take('k', 1) as number) >= 0) passed++;
      expect(passed).toBe(8 - kept);
    }),
  );
});

test('memory: good answers that take long are not counted, at twice the rate', () => {
  const { store, now, wait } = open();
  const bucket = store.bucket(ruleOf({ amount: 100, periodMs: 1_000, burst: 60 }));
  const running: { until: number; full: number }[] = [];
  // 200 a second for ten seconds, 100 ms each: 20 at once.
  for (let i = 0; i < 2_000; i++, wait(5)) {
    while (running.length > 0 && running[0]!.until <= now())
      bucket.give('k', 1, running.shift()!.full - now());
    const verdict = bucket.take('k', 1) as number;
    expect(verdict).toBeGreaterThanOrEqual(0);
    running.push({ until: now() + 100, full: now() + bucket.resetMs(verdict) });
  }
});

/** The script on a clock that the test turns. */
const FAKE = LIMIT_SCRIPTS['token-bucket'].lua.replace("redis.call('TIME')", '{ ARGV[11], ARGV[12] }');

test('Redis: 1,000 schedules of takes given back late: the same bound', async () => {
  const { port } = await startRedis();
  const redis = new Redis(port, '127.0.0.1');
  atEnd(() => redis.disconnect());
  expect(FAKE).not.toContain("'TIME'");
  let names = 0;
  await fc.assert(
    fc.asyncProperty(schedule, async ({ amount, burst, steps }) => {
      const unit = 1_000 / amount;
      const name = `k${names++}`;
      const model = new PlainBucket(unit, burst);
      let ms = 1_000_000_000;
      const ask = async (cost: number, back: number, till: number) => {
        const clock = [Math.floor(ms / 1_000), (ms % 1_000) * 1_000];
        const args = [burst, unit * 1_000, cost, 0, 4, 0, back, 0, 0, till * 1_000, ...clock];
        return ((await redis.eval(FAKE, 1, name, ...args)) as number[])[0] ?? -1;
      };
      for (const { wait, cost, back } of steps) {
        ms += wait;
        const left = await ask(cost, 0, 0);
        if (left >= 0) {
          expect(model.admits(ms, cost)).toBe(true);
          model.taken.push({ at: ms, cost, full: ms + (burst - left) * unit });
        }
        if (back === null) continue;
        for (const { cost, full } of model.takeOut(ms, back)) await ask(0, cost, full);
      }
    }),
    { numRuns: 1_000 },
  );
});
