import { expect, test } from 'vitest';
import { compile, exchange, mistakes, walk } from './exchange.ts';

test('the reply carries the id', () => {
  const got = walk(compile('request-id', {}), exchange({ id: 'abc' }));
  expect(got.all('x-request-id')).toEqual(['abc']);
});

test('it replaces what the upstream sent', () => {
  const upstream = { status: 200, headers: ['x-request-id', 'theirs', 'x-request-id', 'again'], body: null };
  const got = walk(compile('request-id', {}), exchange({ id: 'abc' }), upstream);
  expect(got.all('x-request-id')).toEqual(['abc']);
});

test('another header name goes to both sides, over the client’s own', () => {
  const x = exchange({ id: 'abc', headers: ['x-correlation-id', 'forged', 'accept', '*/*'] });
  const got = walk(compile('request-id', { header: 'X-Correlation-Id' }), x);
  expect(got.all('x-correlation-id')).toEqual(['abc']);
  expect(got.get('x-request-id')).toBeUndefined();
  expect(x.headers).toEqual(['x-correlation-id', 'abc', 'accept', '*/*']);
});

test('trust: never makes a new id, the same on both sides', () => {
  const hooks = compile('request-id', { trust: 'never', header: 'x-correlation-id' });
  const [one, two] = [exchange({ id: 'theirs' }), exchange({ id: 'theirs' })];
  const got = walk(hooks, one);
  walk(hooks, two);
  expect(one.id).toMatch(/^[0-9a-f]{32}$/);
  expect(one.id).not.toBe(two.id);
  expect(got.get('x-correlation-id')).toBe(one.id);
  expect(one.header('x-correlation-id')).toBe(one.id);
});

test('response: false keeps it from the client', () => {
  const got = walk(compile('request-id', { response: false, header: 'x-trace' }), exchange());
  expect(got.get('x-trace')).toBeUndefined();
  expect(compile('request-id', { response: false })).toBeNull();
});

test.each([
  ['bad name', /is not a field name/],
  ['', /is not a field name/],
  ['x-id\r\nx-evil', /is not a field name/],
  ['content-length', /the gateway writes it itself/],
  ['Host', /upstream\.host/],
  ['via', /written by the gateway/],
])('header: %j is refused', (header, message) => {
  expect(mistakes('request-id', { header })).toEqual([expect.stringMatching(message)]);
});
