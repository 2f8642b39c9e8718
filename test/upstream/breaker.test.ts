import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { pack, sumOf, tally, unpack } from '../../src/upstream/breaker-words.ts';
import { Breaker, PASSES, REFUSED, type BreakerRules } from '../../src/upstream/breaker.ts';

const RULES: BreakerRules = {
  errorRatio: 0.5,
  slow: { over: 100, ratio: 0.5 },
  minRequests: 10,
  window: 10_000,
  open: 1_000,
  maxOpen: 5_000,
  halfOpen: 3,
  probeMs: 2_000,
};

let now = 0;
let words = new BigInt64Array(8);
const make = (rules: Partial<BreakerRules> = {}) => new Breaker(words, { ...RULES, ...rules }, () => now);

beforeEach(() => {
  now = 1_000_000;
  words = new BigInt64Array(8);
});

/** Lets attempts in and reports them. */
function attempts(breaker: Breaker, count: number, failed: boolean, ms = 1): void {
  for (let i = 0; i < count; i++) {
    const ticket = breaker.enter();
    expect(ticket).toBe(PASSES);
    breaker.done(ticket, failed, ms);
  }
}

function opened(rules: Partial<BreakerRules> = {}): Breaker {
  const breaker = make(rules);
  attempts(breaker, 10, true);
  expect(breaker.enter()).toBe(REFUSED);
  return breaker;
}

describe('closed', () => {
  test('opens when as many fail as may not', () => {
    const breaker = make();
    attempts(breaker, 6, false);
    attempts(breaker, 5, true);
    expect(breaker.state).toBe(0);
    attempts(breaker, 1, true);
    expect(breaker.state).toBe(2);
    expect(breaker.enter()).toBe(REFUSED);
  });

  test('too few say nothing', () => {
    const breaker = make();
    attempts(breaker, 9, true);
    expect(breaker.enter()).toBe(PASSES);
  });

  test('what is older than the window is forgotten', () => {
    const breaker = make();
    attempts(breaker, 9, true);
    now += 10_001;
    attempts(breaker, 9, true);
    expect(breaker.enter()).toBe(PASSES);
  });

  test('slow replies open it', () => {
    const breaker = make();
    attempts(breaker, 5, false);
    attempts(breaker, 5, false, 101);
    expect(breaker.state).toBe(2);
  });

  test('replies that break in their bodies open it, once they were counted as good', () => {
    const breaker = make();
    for (let i = 0; i < 10; i++) {
      attempts(breaker, 1, false);
      if (i > 4) breaker.spoilt();
    }
    expect(breaker.state).toBe(2);
  });
});

describe('open', () => {
  test('lets nothing in for its open time, then exactly as many probes as it may', () => {
    const breaker = opened();
    expect(breaker.waitMs).toBe(1_000);
    now += 999;
    expect(breaker.enter()).toBe(REFUSED);
    now += 1;
    expect(breaker.state).toBe(1);
    const tickets = Array.from({ length: 10 }, () => breaker.enter());
    expect(tickets.filter((ticket) => ticket !== REFUSED)).toHaveLength(3);
    for (const ticket of tickets.slice(0, 3)) breaker.done(ticket, false, 1);
    expect(breaker.enter()).toBe(PASSES);
    // Nothing of before is held against it.
    attempts(breaker, 9, true);
    expect(breaker.state).toBe(0);
  });

  test('one bad probe opens it for twice as long, up to the longest', () => {
    const breaker = opened();
    for (const ms of [1_000, 2_000, 4_000, 5_000, 5_000]) {
      now += ms - 1;
      expect(breaker.enter()).toBe(REFUSED);
      now += 1;
      const [first, second] = [breaker.enter(), breaker.enter()];
      breaker.done(first, false, 1);
      breaker.done(second, true, 1);
    }
  });

  test('a slow probe is a bad one, and what was let in before it opened is no news', () => {
    const breaker = opened();
    breaker.done(PASSES, true, 1);
    now += 1_000;
    breaker.done(breaker.enter(), false, 500);
    expect(breaker.enter()).toBe(REFUSED);
    now += 2_000;
    for (let i = 0; i < 3; i++) breaker.done(breaker.enter(), false, 1);
    expect(breaker.enter()).toBe(PASSES);
  });

  test('a probe that tells nothing is made by another', () => {
    const breaker = opened();
    now += 1_000;
    const tickets = [breaker.enter(), breaker.enter(), breaker.enter()];
    expect(breaker.enter()).toBe(REFUSED);
    breaker.giveBack(tickets[0]!);
    expect(breaker.enter()).toBe(tickets[0]);
    expect(breaker.enter()).toBe(REFUSED);
  });

  test('a probe whose worker died holds nobody up for ever, and one of an old round has no say', () => {
    const breaker = opened();
    now += 1_000;
    const [first, lost] = [breaker.enter(), breaker.enter(), breaker.enter()];
    breaker.done(first, false, 1);
    now += 2_000;
    // One is through, so two are missing.
    const again = [breaker.enter(), breaker.enter(), breaker.enter()];
    expect(again.filter((ticket) => ticket !== REFUSED)).toHaveLength(2);
    breaker.done(lost, true, 1);
    expect(breaker.state).toBe(1);
    for (const ticket of again.slice(0, 2)) breaker.done(ticket, false, 1);
    expect(breaker.state).toBe(0);
  });
});

test('workers share it: what one counts opens it for all, and probes are counted together', () => {
  const [one, two] = [make(), make()];
  attempts(one, 5, true);
  attempts(two, 5, true);
  expect([one.enter(), two.enter()]).toEqual([REFUSED, REFUSED]);
  now += 1_000;
  const tickets = [one.enter(), two.enter(), one.enter(), two.enter()];
  expect(tickets.filter((ticket) => ticket !== REFUSED)).toHaveLength(3);
});

test('an operator has the last word', () => {
  const breaker = make();
  breaker.force = 'open';
  expect([breaker.enter(), breaker.state]).toEqual([REFUSED, 2]);
  breaker.force = null;
  attempts(breaker, 10, true);
  breaker.force = 'closed';
  expect([breaker.enter(), breaker.state]).toEqual([PASSES, 0]);
  breaker.force = null;
  expect(breaker.enter()).toBe(REFUSED);
});

describe('words', () => {
  const bits = (n: number) => fc.nat({ max: 2 ** n - 1 });
  test('a state is what was packed', () => {
    fc.assert(
      fc.property(
        bits(2),
        bits(5),
        bits(8),
        bits(8),
        fc.maxSafeNat(),
        (state, streak, issued, passed, time) => {
          const is = { state, streak, issued, passed, until: time % 2 ** 40 };
          const word = pack(is);
          expect(BigInt.asIntN(64, word)).toBe(word);
          expect(unpack(word)).toEqual(is);
        },
      ),
    );
  });

  test('a window adds up what a plain list would', () => {
    const event = fc.record({ step: fc.nat({ max: 3 }), error: fc.boolean(), slow: fc.boolean() });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 200 }), fc.nat({ max: 2 ** 31 }), (events, from) => {
        const shared = new BigInt64Array(8);
        const list: { slice: number; error: boolean; slow: boolean }[] = [];
        let slice = from;
        for (const { step, error, slow } of events) {
          slice += step;
          list.push({ slice, error, slow });
          tally(shared, slice, 1, error ? 1 : 0, slow ? 1 : 0);
        }
        const known = list.filter((each) => each.slice > slice - 4);
        expect(sumOf(shared, slice)).toEqual({
          total: known.length,
          errors: known.filter((each) => each.error).length,
          slow: known.filter((each) => each.slow).length,
        });
      }),
      // The first slices of all, before which there are none.
      { examples: [[[], 0]] },
    );
  });

  test('a full slice keeps its ratios', () => {
    const shared = new BigInt64Array(8);
    for (let i = 0; i < 100_000; i++) tally(shared, 7, 1, i % 4 === 0 ? 1 : 0, 0);
    const { total, errors } = sumOf(shared, 7);
    expect(total).toBeGreaterThan(8_000);
    expect(errors / total).toBeCloseTo(0.25, 2);
  });
});
