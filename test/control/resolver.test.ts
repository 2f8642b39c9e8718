import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { NameWatch, systemLookup, type Found } from '../../src/control/resolver.ts';

const PACE = { shortest: 1_000, usual: 10_000, longest: 60_000 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

/** A name server of one's own: what it says now, and how often it was asked. */
function make(...addresses: string[]) {
  const says: { found: Found | Error; asked: number } = { found: { addresses, ttl: null }, asked: 0 };
  const told: string[] = [];
  const names = new NameWatch(
    (name, found) => told.push(`${name} = ${found === null ? '-' : found.join()}`),
    (name) => told.push(`${name} failed`),
    (): Promise<Found> => {
      says.asked++;
      return says.found instanceof Error ? Promise.reject(says.found) : Promise.resolve(says.found);
    },
    PACE,
  );
  const pass = async (ms: number) => vi.advanceTimersByTimeAsync(ms);
  return { names, says, told, pass };
}

test('all addresses, asked for again after a while; rotated ones are no change', async () => {
  const { names, says, told, pass } = make('10.0.0.2', '10.0.0.1');
  await names.follow(new Set(['n']));
  expect(names.addresses('n')).toEqual(['10.0.0.1', '10.0.0.2']);
  says.found = { addresses: ['10.0.0.1', '10.0.0.2'], ttl: null };
  await pass(10_000);
  expect(says.asked).toBe(2);
  says.found = { addresses: ['10.0.0.3'], ttl: null };
  await pass(10_000);
  expect(told).toEqual(['n = 10.0.0.1,10.0.0.2', 'n = 10.0.0.3']);
  names.close();
});

test('a failure, or nothing, keeps the last good addresses', async () => {
  const { names, says, told, pass } = make('10.0.0.1');
  await names.follow(new Set(['n']));
  says.found = new Error('SERVFAIL');
  await pass(10_000);
  says.found = { addresses: [], ttl: null };
  await pass(10_000);
  expect(names.addresses('n')).toEqual(['10.0.0.1']);
  expect(told).toEqual(['n = 10.0.0.1', 'n failed', 'n failed']);
  names.close();
});

test.each([
  [0, 1_000],
  [5_000, 5_000],
  [3_600_000, 60_000],
])('a time to live of %i ms: asked again after %i', async (ttl, wait) => {
  const { names, says, pass } = make('10.0.0.1');
  says.found = { addresses: ['10.0.0.1'], ttl };
  await names.follow(new Set(['n']));
  await pass(wait - 1);
  expect(says.asked).toBe(1);
  await pass(1);
  expect(says.asked).toBe(2);
  names.close();
});

test('names come and go; nothing is left behind', async () => {
  const { names, told } = make('10.0.0.1');
  await names.follow(new Set(['n']));
  await names.follow(new Set(['m']));
  expect(told).toEqual(['n = 10.0.0.1', 'n = -', 'm = 10.0.0.1']);
  expect(names.addresses('n')).toBeUndefined();
  await names.follow(new Set());
  expect(vi.getTimerCount()).toBe(0);
});

test('the system knows localhost from its hosts file', async () => {
  vi.useRealTimers();
  const { addresses } = await systemLookup('localhost');
  expect(addresses).toContain('127.0.0.1');
});
