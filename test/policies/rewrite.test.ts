import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { normalisePath } from '../../src/lib/path.ts';
import { compile, exchange, mistakes, walk, type Asked } from './exchange.ts';

/** The target that the upstream is asked for. */
function rewritten(options: unknown, asked: Asked, params?: Record<string, number>): string {
  const x = exchange(asked);
  walk(compile('rewrite', options, params), x);
  return x.query === '' ? x.path : `${x.path}?${x.query}`;
}

describe('stripPrefix and addPrefix', () => {
  test.each([
    ['/api', '/api/users', '/users'],
    ['/api', '/api', '/'],
    ['/api', '/api/', '/'],
    ['/api', '/api//x', '//x'],
    ['/api', '/apix', '/apix'],
    ['/api', '/other/api', '/other/api'],
    ['/api', '/API/x', '/API/x'],
    ['/a/b', '/a/b/c%2Bd', '/c%2Bd'],
  ])('without %s, %s is %s', (stripPrefix, path, expected) => {
    expect(rewritten({ stripPrefix }, { path })).toBe(expected);
  });

  test.each([
    ['/v1', '/users', '/v1/users'],
    ['/v1', '/', '/v1/'],
  ])('with %s, %s is %s', (addPrefix, path, expected) => {
    expect(rewritten({ addPrefix }, { path })).toBe(expected);
  });

  test('one after the other', () => {
    expect(rewritten({ stripPrefix: '/api', addPrefix: '/v1' }, { path: '/api/users', query: 'a=1' })).toBe(
      '/v1/users?a=1',
    );
  });

  test('a normalised path stays one', () => {
    const hooks = compile('rewrite', { stripPrefix: '/a', addPrefix: '/b/c' });
    const piece = fc.constantFrom('a', 'b', '/', '/a', '.', '..', '%20', '%C3%A9', '%41', 'é', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const path = normalisePath(`/${pieces.join('')}`);
        fc.pre(path !== null);
        const x = exchange({ path });
        walk(hooks, x);
        expect(normalisePath(x.path)).toBe(x.path);
      }),
    );
  });
});

describe('path', () => {
  const params = { id: 0, '*': 1 };

  test.each([
    ['/fixed', ['7', 'x/y'], '/fixed'],
    ['/users/:id', ['7', ''], '/users/7'],
    ['/users/:id/profile', ['a%2Bb', ''], '/users/a%2Bb/profile'],
    ['/:id/*', ['7', 'x/y/'], '/7/x/y/'],
    ['/:id/*', ['7', ''], '/7/'],
    ['/*', ['7', '/x'], '//x'],
    ['/a*b/*', ['7', 'x'], '/a*b/x'],
    ['/:id/:id', ['7', ''], '/7/7'],
    ['/', ['7', 'x'], '/'],
  ])('%s with %j is %s', (path, values, expected) => {
    expect(rewritten({ path }, { params: values, path: '/before' }, params)).toBe(expected);
  });

  test('a parameter that the matched pattern does not have is empty', () => {
    expect(rewritten({ path: '/x/*' }, { params: [] }, params)).toBe('/x/');
  });

  test.each([
    [
      { path: '/users/:name' },
      params,
      'path: :name does not stand at one place in every path of this route (known: :id, *)',
    ],
    [
      { path: '/users/*' },
      {},
      'path: * does not stand at one place in every path of this route (known: none)',
    ],
    [{ path: '/users/:' }, params, 'path: : does not stand at'],
  ])('%j is a mistake on such a route', (options, known, message) => {
    expect(mistakes('rewrite', options, known)).toEqual([expect.stringContaining(message)]);
  });
});

describe('query', () => {
  test.each([
    [{ remove: ['debug'] }, 'a=1&debug=1&b=2&debug', 'a=1&b=2'],
    [{ remove: ['debug'] }, 'debug=1', ''],
    [{ remove: ['debug'] }, '%64ebug=1&Debug=2&debugs=3', 'Debug=2&debugs=3'],
    [{ remove: ['a b'] }, 'a+b=1&a%20b=2&c=3', 'c=3'],
    [{ remove: ['a'] }, '%zz=1&%=2&a=3&&=4', '%zz=1&%=2&&=4'],
    [{ set: { tenant: 'acme' } }, '', 'tenant=acme'],
    [{ set: { tenant: 'acme' } }, 'tenant=evil&x=1&tenant=too', 'x=1&tenant=acme'],
    [{ set: { 'a b': 'c&d=é' } }, 'x=%20', 'x=%20&a%20b=c%26d%3D%C3%A9'],
    [{ set: { a: '1', b: '2' }, remove: ['c'] }, 'c=3&d=4', 'd=4&a=1&b=2'],
  ])('%j makes %j into %j', (query, before, after) => {
    expect(rewritten({ query }, { query: before })).toBe(after === '' ? '/' : `/?${after}`);
  });

  test('never leaves a dropped name for an origin to find', () => {
    const hooks = compile('rewrite', { query: { remove: ['k'] } });
    const piece = fc.constantFrom('k', '%6b', '%6B', '=', '&', '1', '+', '%', 'x');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const x = exchange({ query: pieces.join('') });
        walk(hooks, x);
        expect(new URLSearchParams(x.query).has('k')).toBe(false);
        const others = [...new URLSearchParams(pieces.join(''))].filter(([name]) => name !== 'k');
        expect([...new URLSearchParams(x.query)]).toEqual(others);
      }),
    );
  });
});

test.each([
  [{ stripPrefix: 'api' }, 'stripPrefix: a path begins with /'],
  [{ stripPrefix: '/api/' }, 'stripPrefix: a prefix does not end in /'],
  [{ stripPrefix: '/' }, 'stripPrefix: a prefix does not end in /'],
  [{ addPrefix: '/a/../b' }, 'addPrefix: a path begins with /'],
  [{ addPrefix: '/a?b' }, 'addPrefix: a path begins with /'],
  [{ addPrefix: '/%2e%2e' }, 'addPrefix: a path begins with /'],
  [{ path: '/a\r\n' }, 'path: a path begins with /'],
  [{ path: '/x', stripPrefix: '/a' }, 'path: path replaces the whole path'],
  [{ query: { set: { a: '\ud800' } } }, 'query.set.a: this is not well-formed text'],
])('%j is a mistake', (options, message) => {
  expect(mistakes('rewrite', options)).toEqual([expect.stringContaining(message)]);
});
