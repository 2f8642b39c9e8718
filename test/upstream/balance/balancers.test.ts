import { expect, test } from 'vitest';
import type { BalanceRule } from '../../../src/contracts/balance.ts';
import type { Target } from '../../../src/contracts/transport.ts';
import { keyReader } from '../../../src/upstream/balance/hash.ts';
import { makeBalancer } from '../../../src/upstream/balance/make.ts';
import { fits, members, request, tally } from '../support.ts';

const RULES: BalanceRule[] = ['round-robin', 'least-request', 'p2c', 'ewma', 'random', { hash: 'ip' }];
const COUNT = 10_000;
const WEIGHTS = [5, 3, 1, 1];
const byIp = keyReader('ip');
const name = (rule: BalanceRule) => (typeof rule === 'object' ? 'hash' : rule);

/** Requests of as many clients. */
const requests = Array.from({ length: COUNT }, (_, i) =>
  request(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`),
);

test.each(RULES.map((rule) => [name(rule), rule] as const))(
  '%s: 10,000 requests to idle targets go by weight',
  (_, rule) => {
    const all = members(...WEIGHTS);
    const balancer = makeBalancer(rule, all, byIp);
    const counts = tally(
      all,
      requests.map((x) => balancer.pick(x, null)),
    );
    expect(counts.reduce((sum, each) => sum + each, 0)).toBe(COUNT);
    expect(fits(counts, WEIGHTS), String(counts)).toBe(true);
  },
);

test.each(RULES.map((rule) => [name(rule), rule] as const))(
  '%s: no target is tried twice while another is left',
  (_, rule) => {
    const all = members(1, 2, 3, 4);
    const balancer = makeBalancer(rule, all, byIp);
    for (const x of requests.slice(0, 500)) {
      const tried: Target[] = [];
      for (let i = 0; i < all.length; i++) {
        const next = balancer.pick(x, tried)!;
        expect(tried).not.toContain(next);
        tried.push(next);
      }
      expect(tried).toContain(balancer.pick(x, tried));
    }
  },
);

test.each(RULES.map((rule) => [name(rule), rule] as const))('%s: none of none, one of one', (_, rule) => {
  expect(makeBalancer(rule, [], byIp).pick(request(), null)).toBeNull();
  const [only] = members(1);
  expect(makeBalancer(rule, [only!], byIp).pick(request(), [only!])).toBe(only);
});

test('least-request and p2c: a busy target waits for its turn, an idle one serves', () => {
  for (const rule of ['least-request', 'p2c'] as const) {
    const all = members(1, 1);
    all[0]!.load.inFlight = 3;
    const balancer = makeBalancer(rule, all, byIp);
    const counts = tally(
      all,
      requests.slice(0, 100).map((x) => balancer.pick(x, null)),
    );
    expect(counts).toEqual([0, 100]);
  }
});

test('least-request: under load what runs at each target follows the weights', () => {
  const all = members(3, 1);
  const balancer = makeBalancer('least-request', all, byIp);
  for (let i = 0; i < 400; i++) (balancer.pick(request(), null) as (typeof all)[0]).load.inFlight++;
  expect(all.map(({ load }) => load.inFlight)).toEqual([300, 100]);
});

test('least-request: a target that was busy for long does not get every turn afterwards', () => {
  const all = members(1, 1);
  const balancer = makeBalancer('least-request', all, byIp);
  all[0]!.load.inFlight = 10;
  for (let i = 0; i < 1000; i++) balancer.pick(request(), null);
  all[0]!.load.inFlight = 0;
  const counts = tally(
    all,
    requests.slice(0, 100).map((x) => balancer.pick(x, null)),
  );
  expect(Math.abs(counts[0]! - counts[1]!)).toBeLessThanOrEqual(4);
});

test('ewma: a target that is ten times as slow gets little, and nearly its share again once it is as fast', () => {
  const all = members(1, 1, 1, 1);
  const balancer = makeBalancer('ewma', all, byIp);
  const now = performance.now();
  for (const [i, { load }] of all.entries()) load.observe(i === 0 ? 100 : 10, now);
  const slow = tally(
    all,
    requests.map((x) => balancer.pick(x, null)),
  )[0]!;
  expect(slow).toBe(0);
  for (const { load } of all) load.observe(100, now);
  const counts = tally(
    all,
    requests.map((x) => balancer.pick(x, null)),
  );
  expect(counts[0]! / COUNT).toBeGreaterThan(0.15);
});

test('ewma: a slower reply counts at once, a faster one by and by, and all of it fades', () => {
  const { load } = members(1)[0]!;
  load.observe(10, 1000);
  load.observe(200, 2000);
  expect(load.latency(2000)).toBe(200);
  load.observe(10, 3000);
  expect(load.latency(3000)).toBeGreaterThan(100);
  expect(load.latency(3000)).toBeLessThan(190);
  expect(load.latency(63_000)).toBeLessThan(1);
});
