import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LastKnown } from '../../src/stores/last-known.ts';
import { rule } from './redis-support.ts';

const LIMIT = 1_000;
const HOUR = 3_600_000;

/** Who takes next: numbers below 1, the same for the same seed (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Takes `before` tokens, each by a process chosen by weight, and then what every process believes to be its part.
 * @returns What passed in all.
 */
function passed(weights: readonly number[], before: number, seed: number): number {
  const fixed = rule({ algorithm: 'fixed-window', amount: LIMIT, periodMs: HOUR });
  const whole = weights.reduce((sum, weight) => sum + weight);
  const known = weights.map(() => new LastKnown());
  const next = dice(seed);
  for (let taken = 1; taken <= before; taken++) {
    let point = next() * whole;
    const i = weights.findIndex((weight) => (point -= weight) < 0);
    known[i]?.hear(fixed, LIMIT - taken, 1, taken);
  }
  const parts = known.map((each) => Math.floor((LIMIT - each.gone(fixed, before)) / weights.length));
  return before + parts.reduce((sum, part) => sum + Math.max(0, part));
}

describe('what passed before Redis went and what passes without it', () => {
  test.each([
    { what: 'two workers each of four nodes, half of the load on one', weights: [4, 4, 2, 2, 1, 1, 1, 1] },
    { what: 'eight alike', weights: [1, 1, 1, 1, 1, 1, 1, 1] },
    { what: 'three', weights: [3, 2, 1] },
  ])('$what: in 10,000 runs at most the limit, but for one in a hundred', ({ weights }) => {
    const runs = 10_000;
    const next = dice(1);
    let above = 0;
    let sum = 0;
    for (let run = 0; run < runs; run++) {
      const before = Math.floor(LIMIT * (0.05 + next() * 0.95));
      const all = passed(weights, before, run);
      sum += all;
      if (all <= LIMIT) continue;
      above++;
      expect(all).toBeLessThan(LIMIT * 1.05);
    }
    expect(above / runs).toBeLessThan(0.01);
    // Nor is much refused that could have passed.
    expect(sum / runs).toBeGreaterThan(LIMIT * 0.9);
  });

  test('whoever takes alone, and has told nobody: all that is left and not more', () => {
    expect(passed([1], 400, 1)).toBe(LIMIT);
  });
});

describe('what is known of a bucket', () => {
  const bucket = rule({ amount: 100, periodMs: 1_000, burst: 50 });

  test('one that was never asked is full', () => {
    expect(new LastKnown().gone(bucket, 1)).toBe(0);
  });

  test('a token bucket fills again, and no further than full', () => {
    const known = new LastKnown();
    known.hear(bucket, 10, 40, 1_000);
    expect([1_000, 1_100, 1_400, 9_000].map((now) => known.gone(bucket, now))).toEqual([40, 30, 0, 0]);
  });

  test('a window that has ended tells of nothing, the one before a sliding window does', () => {
    const [fixed, sliding] = (['fixed-window', 'sliding-window'] as const).map((algorithm) =>
      rule({ algorithm, amount: 100, periodMs: 1_000 }),
    );
    for (const [limit, then] of [
      [fixed, 0],
      [sliding, 70],
    ] as const) {
      const known = new LastKnown();
      known.hear(limit!, 30, 70, 1_500);
      expect([1_900, 2_100, 3_000].map((now) => known.gone(limit!, now))).toEqual([70, then, 0]);
    }
  });

  test('what others took between two questions counts twice, and fades with every question', () => {
    const known = new LastKnown();
    const limit = rule({ algorithm: 'fixed-window', amount: 1_000, periodMs: HOUR });
    known.hear(limit, 999, 1, 1);
    expect(known.gone(limit, 2)).toBe(1);
    known.hear(limit, 978, 1, 3);
    expect(known.gone(limit, 4)).toBe(22 + 2 * 20);
    for (let left = 977; left > 927; left--) known.hear(limit, left, 1, 5);
    expect(known.gone(limit, 6)).toBeCloseTo(72, 0);
  });

  test('never less than nothing is gone, and never more than all', () => {
    const answer = fc.record({
      left: fc.nat(50),
      own: fc.integer({ min: -60, max: 60 }),
      wait: fc.nat(2_000),
    });
    fc.assert(
      fc.property(fc.array(answer), fc.nat(5_000), (answers, wait) => {
        const known = new LastKnown();
        let now = 0;
        for (const each of answers) known.hear(bucket, each.left, each.own, (now += each.wait));
        const gone = known.gone(bucket, now + wait);
        expect(gone).toBeGreaterThanOrEqual(0);
        expect(gone).toBeLessThanOrEqual(bucket.burst);
      }),
    );
  });
});
