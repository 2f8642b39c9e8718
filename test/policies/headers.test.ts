import { makeIdentity } from '../../src/lib/identity.ts';
import { describe, expect, test } from 'vitest';
import { compile, exchange, mistakes, walk } from './exchange.ts';

describe('request', () => {
  test('removes, sets and adds, in this order, whatever the case of the names', () => {
    const x = exchange({ headers: ['x-a', '1', 'x-b', '2', 'x-a', '3', 'x-c', '4'] });
    const request = { remove: ['X-B'], set: { 'X-A': 'new' }, add: { 'x-c': '5', 'x-b': '6' } };
    walk(compile('headers', { request }), x);
    expect(x.headers).toEqual(['x-a', 'new', 'x-c', '4', 'x-c', '5', 'x-b', '6']);
  });

  test('fills templates from the exchange', () => {
    const identity = makeIdentity({ consumer: 'alice', user: 'u1' });
    const x = exchange({ id: 'abc', method: 'POST', path: '/p', query: 'q=1', ip: '2001:db8::1', identity });
    const all =
      '{request_id} {trace_id} {client_ip} {method} {scheme} {host} {path} {query} {route} {consumer} {user}';
    walk(compile('headers', { request: { set: { 'x-all': all } } }), x);
    expect(x.header('x-all')).toBe(
      'abc 0af7651916cd43dd8448eb211c80319c 2001:db8::1 POST http api.example.com /p q=1 users alice u1',
    );
  });

  test.each([
    ['{{client_ip}', '{client_ip}'],
    ['{{"group":"{route}","max":{{}}', '{"group":"users","max":{}}'],
    ['a } b', 'a } b'],
    ['{{{route}', '{users'],
    ['', ''],
    ['{consumer}', ''],
  ])('%s becomes %s', (template, value) => {
    const x = exchange();
    walk(compile('headers', { request: { set: { 'x-a': template } } }), x);
    expect(x.header('x-a')).toBe(value);
  });

  test.each(['a\r\nx-evil: 1', 'a\0', 'caf\u00e9'])(
    'a value of the caller that is not plain text (%j) is left out',
    (user) => {
      const identity = makeIdentity({ user });
      const x = exchange({ identity });
      walk(compile('headers', { request: { set: { 'x-user': '<{user}>' } } }), x);
      expect(x.header('x-user')).toBe('<>');
    },
  );
});

describe('response', () => {
  const response = {
    remove: ['Server'],
    set: { 'X-Frame-Options': 'DENY' },
    add: { 'Set-Cookie': 'id={request_id}' },
  };
  const upstream = {
    status: 200,
    headers: ['server', 'apache', 'x-frame-options', 'A', 'x-frame-options', 'B', 'set-cookie', 'a=1'],
    body: null,
  };

  test('changes what the upstream sent', () => {
    const got = walk(compile('headers', { response }), exchange({ id: 'abc' }), upstream);
    expect(got.get('server')).toBeUndefined();
    expect(got.all('x-frame-options')).toEqual(['DENY']);
    expect(got.all('set-cookie')).toEqual(['a=1', 'id=abc']);
  });

  test('leaves the request alone', () => {
    const x = exchange({ headers: ['server', 'mine'] });
    walk(compile('headers', { response }), x, upstream);
    expect(x.headers).toEqual(['server', 'mine']);
  });
});

test.each([
  [{ request: { set: { Host: 'a' } } }, 'request.set.Host: the host that is sent is chosen by upstream.host'],
  [
    { request: { set: { 'Content-Length': '1' } } },
    'request.set.Content-Length: content-length belongs to one',
  ],
  [{ request: { remove: ['connection'] } }, 'request.remove.0: connection belongs to one'],
  [{ request: { add: { te: 'trailers' } } }, 'request.add.te: te belongs'],
  [{ request: { add: { 'X-Forwarded-For': '::1' } } }, 'x-forwarded-for is written by the gateway itself'],
  [{ request: { set: { traceparent: 'x' } } }, 'traceparent is written by'],
  [{ response: { set: { Date: 'now' } } }, 'response.set.Date: date is written'],
  [{ response: { remove: ['transfer-encoding'] } }, 'transfer-encoding belongs'],
  [{ response: { set: { 'x y': '1' } } }, '"x y" is not a field name'],
  [{ response: { set: { '': '1' } } }, '"" is not a field name'],
  [
    { response: { set: { 'x-a': 'a\r\nb: c' } } },
    'response.set.x-a: a field value holds no control characters',
  ],
  [{ response: { set: { 'x-a': '1', 'X-A': '2' } } }, 'X-A is given twice'],
  [{ response: { set: { 'x-a': '{nobody}' } } }, '{nobody} is not known here (known: request_id, '],
  [{ response: { set: { 'x-a': '{constructor}' } } }, '{constructor} is not known here'],
  [{ response: { set: { 'x-a': '{"a":1}' } } }, 'write {{ for a plain {'],
  [{ response: { set: { 'x-a': 'a {route' } } }, '"{route" is not closed'],
  [{ reply: {} }, 'Unrecognized key'],
])('%j is a mistake', (options, message) => {
  expect(mistakes('headers', options)).toEqual([expect.stringContaining(message)]);
});
