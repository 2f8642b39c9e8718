import { describe, expect, test } from 'vitest';
import { compile, exchange, mistakes, walk } from './exchange.ts';

const statusFor = (options: unknown, ip: string): number =>
  walk(compile('ip', options), exchange({ ip })).status;

describe.each([
  [
    'deny',
    { deny: ['203.0.113.0/24', '2001:db8::/32'] },
    ['192.0.2.1', '::1'],
    ['203.0.113.9', '2001:db8::9'],
  ],
  ['allow', { allow: ['10.0.0.0/8', '::1'] }, ['10.255.0.1', '::1'], ['11.0.0.1', '::2', '192.0.2.1']],
  ['deny wins', { allow: ['10.0.0.0/8'], deny: ['10.1.0.0/16'] }, ['10.2.0.1'], ['10.1.0.1', '11.0.0.1']],
  [
    'mapped form',
    { deny: ['203.0.113.0/24'] },
    ['::ffff:192.0.2.1'],
    ['::ffff:203.0.113.9', '::ffff:cb00:7109'],
  ],
  ['edge text', { deny: ['::1'] }, ['::2'], ['0000:0000:0000:0000:0000:0000:0000:0001']],
  ['no address at all', { deny: ['203.0.113.0/24'] }, ['192.0.2.1'], ['', 'unknown']],
])('%s', (_, options, admitted, refused) => {
  test.each(admitted)('%s may pass', (ip) => expect(statusFor(options, ip)).toBe(200));
  test.each(refused)('%s may not', (ip) => expect(statusFor(options, ip)).toBe(403));
});

test('a refusal is a problem document that names the request and no rule', () => {
  const got = walk(compile('ip', { deny: ['192.0.2.0/24'] }), exchange({ id: 'abc' }));
  expect(got.get('content-type')).toBe('application/problem+json');
  expect(JSON.parse(got.body)).toEqual({
    type: 'urn:sluice:problem:forbidden',
    title: 'Forbidden',
    status: 403,
    detail: 'This address may not use this route.',
    instance: 'abc',
  });
});

test.each([
  [{ allow: [] }, 'allow: an empty list'],
  [{ deny: ['10.0.0.0/33'] }, 'deny.0: "10.0.0.0/33" is not an IP address or CIDR'],
  [{ deny: ['example.com'] }, 'deny.0: "example.com" is not'],
  [{ denied: ['10.0.0.1'] }, ': Unrecognized key'],
])('%j is a mistake', (options, message) => {
  expect(mistakes('ip', options)).toEqual([expect.stringContaining(message)]);
});
