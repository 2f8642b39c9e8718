import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Attempt } from '../../src/contracts/exchange.ts';
import { fault } from '../../src/contracts/fault.ts';
import type { ReplyHead } from '../../src/contracts/http.ts';
import { PrivateWords } from '../../src/stores/words.ts';
import type { Load } from '../../src/upstream/load.ts';
import { PassiveWatch } from '../../src/upstream/passive.ts';
import { Sticky } from '../../src/upstream/sticky.ts';
import { Learnt, request, spread, target, upstreamOf } from './support.ts';

const three = [target('a'), target('b'), target('c')];

test('plain round robin hears of no attempt', () => {
  const { upstream } = upstreamOf({ targets: three });
  expect([upstream.attempt, upstream.replied, upstream.settled]).toEqual([[], [], []]);
  expect(spread(upstream, 300)).toEqual({ a: 100, b: 100, c: 100 });
});

test('while probes are on a target gets nothing before its first good one, not even in panic', () => {
  const { upstream, learnt } = upstreamOf({ targets: three, probed: true });
  expect(spread(upstream, 10)).toEqual({ '-': 10 });
  learnt.well.set('a', true);
  upstream.refresh();
  expect(spread(upstream, 10)).toEqual({ a: 10 });
  learnt.well.set('b', true);
  learnt.well.set('a', false);
  upstream.refresh();
  expect(spread(upstream, 10)).toEqual({ b: 10 });
  learnt.well.set('b', false);
  upstream.refresh();
  expect(spread(upstream, 10)).toEqual({ a: 5, b: 5 });
});

test('an ejected target gets nothing until it is back', () => {
  const { upstream, learnt } = upstreamOf({ targets: three });
  learnt.out.add('b');
  upstream.refresh();
  expect(spread(upstream, 100)).toEqual({ a: 50, c: 50 });
  learnt.out.clear();
  upstream.refresh();
  expect(spread(upstream, 300)).toEqual({ a: 100, b: 100, c: 100 });
});

test('failover to the next priority, fail-back, and a retry that finds the next one at once', () => {
  const targets = [target('a'), target('b'), target('c', { priority: 1 })];
  const { upstream, learnt } = upstreamOf({ targets });
  expect(spread(upstream, 10)).toEqual({ a: 5, b: 5 });
  const tried = [upstream.pick(request(), null)!];
  tried.push(upstream.pick(request(), tried)!);
  expect(upstream.pick(request(), tried)!.id).toBe('c');
  learnt.out.add('a').add('b');
  upstream.refresh();
  expect(spread(upstream, 10)).toEqual({ c: 10 });
  learnt.out.clear();
  upstream.refresh();
  expect(spread(upstream, 10)).toEqual({ a: 5, b: 5 });
});

test('too few of a priority: the rest of the traffic spills over', () => {
  const targets = [target('a'), target('b'), target('c'), target('d', { priority: 1 })];
  const { upstream, learnt } = upstreamOf({ targets });
  learnt.out.add('a').add('b');
  upstream.refresh();
  const { c = 0, d = 0 } = spread(upstream, 10_000);
  expect(c + d).toBe(10_000);
  expect(c / 10_000).toBeGreaterThan(0.43);
  expect(c / 10_000).toBeLessThan(0.51);
});

test('spilling over keeps each key at one target', () => {
  const targets = [target('a'), target('b'), target('c'), target('d', { priority: 1 })];
  const { upstream, learnt } = upstreamOf({ targets, balance: { hash: 'ip' } });
  learnt.out.add('a').add('b');
  upstream.refresh();
  const homes = new Set<string>();
  for (let client = 0; client < 50; client++) {
    const found = Object.keys(spread(upstream, 5, request(`10.0.0.${client}`)));
    expect(found).toHaveLength(1);
    homes.add(found[0]!);
  }
  expect(homes).toEqual(new Set(['c', 'd']));
});

test('targets of the own zone first', () => {
  const targets = [target('a', { zone: 'x' }), target('b', { zone: 'y' })];
  const { upstream, learnt } = upstreamOf({ targets, zone: 'y' });
  expect(spread(upstream, 10)).toEqual({ b: 10 });
  learnt.out.add('b');
  upstream.refresh();
  expect(spread(upstream, 10)).toEqual({ a: 10 });
});

test('weights change while it runs', () => {
  const { upstream, learnt } = upstreamOf({ targets: three });
  learnt.weights.set('a', 8).set('b', 0);
  upstream.refresh();
  expect(spread(upstream, 900)).toEqual({ a: 800, c: 100 });
  learnt.weights.clear();
  upstream.refresh();
  expect(spread(upstream, 300)).toEqual({ a: 100, b: 100, c: 100 });
});

test('the addresses of a name share its weight; what has none yet is called by name', () => {
  const targets = [target('n:80', { weight: 3 }), target('b')];
  const { upstream, learnt } = upstreamOf({ targets });
  expect(spread(upstream, 400)).toEqual({ 'n:80': 300, b: 100 });
  learnt.names.set('n', ['10.0.0.1', '10.0.0.2', '10.0.0.3']);
  upstream.refresh();
  expect(spread(upstream, 400)).toEqual({
    'n:80 10.0.0.1': 100,
    'n:80 10.0.0.2': 100,
    'n:80 10.0.0.3': 100,
    b: 100,
  });
  learnt.names.set('n', ['10.0.0.3']);
  upstream.refresh();
  expect(spread(upstream, 400)).toEqual({ 'n:80 10.0.0.3': 300, b: 100 });
});

const NO_COOKIE = request();

test('a sticky client goes back to its target as long as that is fit; the cookie tells nothing of it', () => {
  const sticky = () => new Sticky('pin', 'secret', 'u');
  const { upstream, learnt } = upstreamOf({ targets: three, sticky: sticky() });
  const first = upstream.pick(NO_COOKIE, null)!;
  const sent: string[] = [];
  const head = { add: (name: string, value: string) => sent.push(name, value) } as unknown as ReplyHead;
  const a = { exchange: NO_COOKIE, target: first } as Attempt;
  for (const hook of upstream.replied) hook(a, head);
  expect(sent).toEqual([
    'set-cookie',
    expect.stringMatching(/^pin=[\w-]{16}; Path=\/; HttpOnly; SameSite=Lax$/),
  ]);
  const client = request('192.0.2.9', ['cookie', sent[1]!.split(';')[0]!]);
  expect(spread(upstream, 20, client)).toEqual({ [first.id]: 20 });
  // Another node with the same secret knows it, one with another does not.
  const { upstream: twin } = upstreamOf({ targets: three, sticky: sticky() });
  expect(spread(twin, 20, client)).toEqual({ [first.id]: 20 });
  const { upstream: other } = upstreamOf({ targets: three, sticky: new Sticky('pin', 'else', 'u') });
  expect(Object.keys(spread(other, 30, client))).toHaveLength(3);
  for (const hook of upstream.replied) hook({ ...a, exchange: client }, head);
  expect(sent).toHaveLength(2);
  expect(upstream.pick(client, [first])).not.toBe(first);
  learnt.out.add(first.id);
  upstream.refresh();
  expect(spread(upstream, 20, client)[first.id]).toBeUndefined();
});

test('failures in a row are told, successes and what is not the target’s doing break or leave the row', () => {
  const told: string[] = [];
  const words = new PrivateWords();
  const rules = { failures: 3, window: 10_000, eject: 1, maxEjected: 1, statuses: [503] };
  const workers = [1, 2].map(() => new PassiveWatch('u', rules, words, (key) => told.push(key)));
  const settle = (worker: number, status: number, code?: Parameters<typeof fault>[0]) =>
    workers[worker]!.settled({ status, fault: code === undefined ? null : fault(code) } as Attempt, 'a');
  settle(0, 0, 'reset');
  settle(1, 503);
  settle(1, 200);
  settle(0, 0, 'reset');
  settle(1, 503);
  // Neither a client that left, nor our own limits, nor an attempt that was given up.
  settle(0, 0, 'client_left');
  settle(0, 0, 'pool_full');
  settle(0, 0);
  expect(told).toEqual([]);
  settle(1, 0, 'reply_timeout');
  expect(told).toEqual(['a']);
  settle(0, 503);
  settle(0, 503);
  expect(told).toEqual(['a']);
});

test('failures that lie further apart than the window are no row', () => {
  const told: string[] = [];
  const rules = { failures: 2, window: 20, eject: 1, maxEjected: 1, statuses: [] };
  const watch = new PassiveWatch('u', rules, new PrivateWords(), (key) => told.push(key));
  const fail = () => watch.settled({ status: 0, fault: fault('reset') } as Attempt, 'a');
  fail();
  vi.advanceTimersByTime(40);
  fail();
  expect(told).toEqual([]);
  fail();
  expect(told).toEqual(['a']);
});

test('requests in flight are counted per address, over reloads', () => {
  const loads = new Map<string, Load>();
  const { upstream: old } = upstreamOf({ targets: three, balance: 'least-request' }, new Learnt(), loads);
  const { upstream } = upstreamOf({ targets: three, balance: 'least-request' }, new Learnt(), loads);
  const busy = old.pick(request(), null)!;
  for (const hook of old.attempt) hook({ target: busy } as Attempt);
  expect(spread(upstream, 20)[busy.id]).toBeUndefined();
  for (const hook of old.settled) hook({ target: busy } as Attempt);
  expect(Math.abs(spread(upstream, 30)[busy.id]! - 10)).toBeLessThan(3);
});

test('ewma learns from replies and from failures, not from what was given up', () => {
  const { upstream } = upstreamOf({ targets: [target('a'), target('b')], balance: 'ewma' });
  const [a, b] = [upstream.pick(request(), null)!, null];
  expect(b).toBeNull();
  const other = upstream.pick(request(), [a])!;
  const attempt = { target: a, startedAt: 0, endedAt: 1, status: 0 };
  const settle = (code: Parameters<typeof fault>[0] | null) => {
    for (const hook of upstream.attempt) hook(attempt as Attempt);
    for (const hook of upstream.settled) hook({ ...attempt, fault: code && fault(code) } as Attempt);
  };
  settle(null);
  settle('client_left');
  expect(spread(upstream, 1000)[a.id]).toBeGreaterThan(300);
  settle('connect_refused');
  expect(spread(upstream, 100)).toEqual({ [other.id]: 100 });
});

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'hrtime'] }));
afterEach(() => void vi.useRealTimers());

test('slow start: a target that comes back grows to its whole weight', () => {
  const { upstream, learnt } = upstreamOf({ targets: three, slowStart: 10_000 });
  expect(spread(upstream, 300)).toEqual({ a: 100, b: 100, c: 100 });
  vi.advanceTimersByTime(20_000);
  learnt.out.add('a');
  upstream.refresh();
  learnt.out.clear();
  upstream.refresh();
  const share = () => spread(upstream, 2100).a! / 2100;
  expect(share()).toBeCloseTo(0.1 / 2.1, 2);
  vi.advanceTimersByTime(5_000);
  expect(share()).toBeCloseTo(0.5 / 2.5, 2);
  vi.advanceTimersByTime(6_000);
  expect(share()).toBeCloseTo(1 / 3, 2);
  expect(vi.getTimerCount()).toBe(0);
  upstream.close();
});
