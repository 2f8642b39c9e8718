import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Exchange } from '../../../src/contracts/exchange.ts';
import type { Target, Transport } from '../../../src/contracts/transport.ts';
import { RoundRobin } from '../../../src/upstream/balance/round-robin.ts';

/** Round robin does not look at it. */
const x = {} as Exchange;
const transport: Transport = { open: () => undefined, cancel: () => undefined, close: () => undefined };
const targetsOf = (weights: number[]): Target[] =>
  weights.map((weight, i) => ({ id: `t${i}`, authority: '', weight, transport }));

const weights = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 8 });

test('any cycle gives each target exactly its weight, wherever it begins', () => {
  fc.assert(
    fc.property(weights, (list) => {
      const targets = targetsOf(list);
      const total = list.reduce((sum, each) => sum + each, 0);
      const balancer = new RoundRobin(targets);
      const picks = Array.from({ length: total }, () => balancer.pick(x, null));
      expect(targets.map((target) => picks.filter((each) => each === target).length)).toEqual(list);
      if (total === 0) expect(balancer.pick(x, null)).toBeNull();
    }),
  );
});

test('shares are smooth: no target waits for as long as two of its turns take', () => {
  fc.assert(
    fc.property(weights, (list) => {
      const targets = targetsOf(list);
      const total = list.reduce((sum, each) => sum + each, 0);
      fc.pre(total > 0);
      const balancer = new RoundRobin(targets);
      const begun = targets.map(() => 0);
      const gaps = targets.map(() => 0);
      for (let i = 0; i < 3 * total; i++) {
        const chosen = targets.indexOf(balancer.pick(x, null)!);
        targets.forEach((target, at) => {
          gaps[at] = at === chosen ? 0 : gaps[at]! + 1;
          // 1.7 is the most that 400,000 random lists gave.
          if (target.weight > 0) expect(gaps[at]).toBeLessThan((2 * total) / target.weight);
        });
        begun[chosen]!++;
      }
      expect(begun).toEqual(list.map((each) => each * 3));
    }),
  );
});

test('the one to avoid is chosen only when it is alone', () => {
  fc.assert(
    fc.property(weights, fc.nat(), (list, which) => {
      const targets = targetsOf(list);
      const usable = targets.filter(({ weight }) => weight > 0);
      fc.pre(usable.length > 0);
      const not = usable[which % usable.length]!;
      const balancer = new RoundRobin(targets);
      for (let i = 0; i < 20; i++) {
        const pick = balancer.pick(x, [not]);
        expect(pick!.weight).toBeGreaterThan(0);
        if (usable.length > 1) expect(pick).not.toBe(not);
        else expect(pick).toBe(not);
      }
    }),
  );
});
