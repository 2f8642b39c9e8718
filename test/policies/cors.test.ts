import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Headers, Reply } from '../../src/contracts/http.ts';
import { compile, exchange, mistakes, walk, type Got } from './exchange.ts';

const APP = 'https://app.example';

const actual = (options: unknown, origin: string | null, upstream?: Reply): Got =>
  walk(compile('cors', options), exchange({ headers: origin === null ? [] : ['origin', origin] }), upstream);

function preflight(options: unknown, origin: string, asked: Headers = []): Got {
  const headers = ['origin', origin, 'access-control-request-method', 'PUT', ...asked];
  return walk(compile('cors', options), exchange({ method: 'OPTIONS', headers }));
}

const CORS_FIELDS = ['origin', 'credentials', 'methods', 'headers'].map(
  (end) => `access-control-allow-${end}`,
);
const corsFields = (got: Got): string[] =>
  [...CORS_FIELDS, 'access-control-expose-headers', 'access-control-max-age'].flatMap((name) =>
    got.all(name).map((value) => `${name.slice('access-control-'.length)}: ${value}`),
  );

describe('which origins are allowed', () => {
  test.each([
    [[APP], APP],
    [['https://other.example', APP], APP],
    [['http://localhost:3000'], 'http://localhost:3000'],
    [['https://*.example.com'], 'https://a.example.com'],
    [['https://*.example.com'], 'https://a.b-c.x_1.example.com'],
    [['https://*.example.com:8443'], 'https://a.example.com:8443'],
    [['null'], 'null'],
    [['capacitor://localhost'], 'capacitor://localhost'],
    [['chrome-extension://abcdef'], 'chrome-extension://abcdef'],
    [['http://[::1]:3000'], 'http://[::1]:3000'],
  ])('%j allows %s', (origins, origin) => {
    const got = actual({ origins }, origin);
    expect(corsFields(got)).toEqual([`allow-origin: ${origin}`]);
    expect(got.all('vary')).toEqual(['Origin']);
  });

  test.each([
    [[APP], 'https://app.example.evil.test'],
    [[APP], 'https://app.example:443'],
    [[APP], 'http://app.example'],
    [[APP], 'HTTPS://APP.EXAMPLE'],
    [[APP], 'https://app.example/'],
    [[APP], 'https://app.example, https://evil.test'],
    [[APP], 'null'],
    [[APP], 'Null'],
    [[APP], ''],
    [[APP], '*'],
    [['null'], 'NULL'],
    [['https://*.example.com'], 'https://example.com'],
    [['https://*.example.com'], 'https://.example.com'],
    [['https://*.example.com'], 'https://a..example.com'],
    [['https://*.example.com'], 'https://.a.example.com'],
    [['https://*.example.com'], 'https://evilexample.com'],
    [['https://*.example.com'], 'https://a.example.com:8443'],
    [['https://*.example.com'], 'https://a.example.com.evil.test'],
    [['https://*.example.com'], 'https://evil.test#.example.com'],
    [['https://*.example.com'], 'https://evil.test/.example.com'],
    [['https://*.example.com'], 'https://evil.test:1.example.com'],
    [['https://*.example.com'], 'https://evil@a.example.com'],
    [['https://*.example.com'], 'https://A.example.com'],
    [['https://*.example.com'], 'https://*.example.com'],
    [['https://*.example.com'], 'http://a.example.com'],
  ])('%j does not allow %s', (origins, origin) => {
    const got = actual({ origins, credentials: !origins.includes('null'), exposed: ['x-a'] }, origin);
    expect(corsFields(got)).toEqual([]);
    expect(got.all('vary')).toEqual(['Origin']);
    expect(got.status).toBe(200);
  });

  test('an allowed subdomain is one to a URL parser too', () => {
    const hooks = compile('cors', { origins: ['https://*.example.com'] });
    const piece = fc.constantFrom(
      'a',
      'evil.test',
      '.',
      '/',
      '#',
      '?',
      '@',
      ':',
      '-',
      '.example.com',
      '\\',
      '%2e',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
        const origin = `https://${pieces.join('')}.example.com`;
        const got = walk(hooks, exchange({ headers: ['origin', origin] }));
        fc.pre(got.get('access-control-allow-origin') !== undefined);
        expect(new URL(origin).hostname.endsWith('.example.com')).toBe(true);
        expect(new URL(origin).origin).toBe(origin);
      }),
    );
  });
});

describe('an actual reply', () => {
  test('"*" goes to everyone and varies by nothing', () => {
    for (const origin of [APP, 'null', null]) {
      const got = actual({ origins: ['*'], exposed: ['X-Total', 'x-next'] }, origin);
      expect(corsFields(got)).toEqual(['allow-origin: *', 'expose-headers: X-Total, x-next']);
      expect(got.all('vary')).toEqual([]);
    }
  });

  test('carries credentials and exposed names for an allowed origin', () => {
    const got = actual({ origins: [APP], credentials: true, exposed: ['x-total'], maxAge: '10m' }, APP);
    expect(corsFields(got)).toEqual([
      `allow-origin: ${APP}`,
      'allow-credentials: true',
      'expose-headers: x-total',
    ]);
  });

  test('without Origin there is nothing but Vary, for the caches', () => {
    const got = actual({ origins: [APP] }, null);
    expect(corsFields(got)).toEqual([]);
    expect(got.all('vary')).toEqual(['Origin']);
  });

  const chatty: Reply = {
    status: 200,
    headers: [
      ...['access-control-allow-origin', '*', 'access-control-allow-origin', 'https://evil.test'],
      ...['access-control-allow-credentials', 'true', 'access-control-expose-headers', 'x-secret'],
      ...[
        'access-control-allow-methods',
        'TRACE',
        'access-control-allow-headers',
        'x',
        'access-control-max-age',
        '9',
      ],
      ...['etag', '"1"'],
    ],
    body: null,
  };

  test.each([APP, 'https://evil.test', null])('nothing of the upstream’s remains (Origin: %s)', (origin) => {
    const got = actual({ origins: [APP] }, origin, chatty);
    expect(corsFields(got)).toEqual(origin === APP ? [`allow-origin: ${APP}`] : []);
    expect(got.get('etag')).toBe('"1"');
  });

  test.each([
    ['Accept-Encoding', ['Accept-Encoding', 'Origin']],
    ['accept, ORIGIN', ['accept, ORIGIN']],
    ['*', ['*']],
    ['X-Origin', ['X-Origin', 'Origin']],
  ])('Vary: %s of the upstream is kept', (vary, expected) => {
    const got = actual({ origins: [APP] }, APP, { status: 200, headers: ['vary', vary], body: null });
    expect(got.all('vary')).toEqual(expected);
  });

  test('a later policy that drops Origin on its way to the upstream changes nothing', () => {
    const hooks = compile('cors', { origins: [APP] });
    const x = exchange({ headers: ['origin', APP] });
    expect(hooks?.request?.(x)).toBeUndefined();
    x.headers.length = 0;
    expect(corsFields(walk({ response: (each) => hooks?.response?.(each) }, x))).toEqual([
      `allow-origin: ${APP}`,
    ]);
  });
});

describe('a preflight', () => {
  test('is answered by the gateway, with all it may know', () => {
    const options = { origins: [APP], credentials: true, maxAge: '10m', exposed: ['x-total'] };
    const got = preflight(options, APP, ['access-control-request-headers', 'authorization,content-type']);
    expect(got).toMatchObject({ status: 204, local: true, body: '' });
    expect(corsFields(got)).toEqual([
      `allow-origin: ${APP}`,
      'allow-credentials: true',
      'allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE',
      'allow-headers: authorization,content-type',
      'max-age: 600',
    ]);
    expect(got.all('vary')).toEqual([
      'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    ]);
  });

  test('of an origin that is not allowed gets no permission', () => {
    const got = preflight({ origins: [APP], maxAge: '1h' }, 'https://evil.test');
    expect(got).toMatchObject({ status: 204, local: true });
    expect(corsFields(got)).toEqual([]);
    expect(got.get('vary')).toContain('Origin');
  });

  test.each([
    [undefined, 'X-A, x-b', 'X-A, x-b'],
    [undefined, 'x-a\tx-b', undefined],
    [undefined, 'x-a,,x-b', undefined],
    [undefined, '<script>', undefined],
    [undefined, '', undefined],
    [undefined, null, undefined],
    ['*', 'x-a', '*'],
    [['*', 'authorization'], 'x-a', '*, authorization'],
    [['x-a', 'Content-Type'], 'x-evil', 'x-a, Content-Type'],
    [[], 'x-a', undefined],
  ])('headers: %j asked for %j answers %j', (headers, asked, expected) => {
    const options = { origins: ['*'], ...(headers === undefined ? {} : { headers }) };
    const got = preflight(options, APP, asked === null ? [] : ['access-control-request-headers', asked]);
    expect(got.get('access-control-allow-headers')).toBe(expected);
    expect(got.get('access-control-allow-origin')).toBe('*');
  });

  test('lists the methods of the configuration only', () => {
    const got = preflight({ origins: [APP], methods: ['GET', 'M-SEARCH'] }, APP);
    expect(got.all('access-control-allow-methods')).toEqual(['GET, M-SEARCH']);
  });

  test.each([
    ['0s', '0'],
    ['1500ms', '1'],
    ['1d', '86400'],
  ])('maxAge: %s is %s seconds', (maxAge, seconds) => {
    expect(preflight({ origins: [APP], maxAge }, APP).get('access-control-max-age')).toBe(seconds);
  });

  test.each([
    ['OPTIONS', ['origin', APP]],
    ['OPTIONS', ['access-control-request-method', 'PUT']],
    ['GET', ['origin', APP, 'access-control-request-method', 'PUT']],
    ['OPTIONS', []],
  ])('is nothing less: %s with %j goes to the upstream', (method, headers) => {
    const got = walk(compile('cors', { origins: [APP] }), exchange({ method, headers }));
    expect(got).toMatchObject({ status: 200, local: false });
    expect(got.get('access-control-allow-methods')).toBeUndefined();
  });

  test('a thousand answers share nothing', () => {
    const hooks = compile('cors', { origins: ['*'] });
    const headers = ['origin', APP, 'access-control-request-method', 'PUT'];
    for (let i = 0; i < 1000; i++) walk(hooks, exchange({ method: 'OPTIONS', headers }));
    expect(corsFields(walk(hooks, exchange({ method: 'OPTIONS', headers })))).toHaveLength(2);
  });
});

test.each([
  [{}, 'origins: '],
  [{ origins: [] }, 'origins: name at least one origin'],
  [{ origins: ['*'], credentials: true }, 'origins: with credentials every origin must be named'],
  [{ origins: [APP, 'null'], credentials: true }, 'origins: with credentials every origin must be named'],
  [{ origins: [APP, '*'] }, 'origins: "*" is every origin: list it alone'],
  [
    { origins: [APP], credentials: true, headers: '*' },
    'credentials: with credentials browsers take "*" for a name',
  ],
  [{ origins: [APP], credentials: true, exposed: ['*'] }, 'credentials: with credentials browsers take "*"'],
  [{ origins: ['https://app.example/'] }, 'origins.0: an origin is scheme://host'],
  [{ origins: ['app.example'] }, 'origins.0: an origin is scheme://host'],
  [{ origins: ['https://*'] }, 'origins.0: an origin is'],
  [{ origins: ['https://a.*.example'] }, 'origins.0: an origin is'],
  [{ origins: ['https://user@app.example'] }, 'origins.0: an origin is'],
  [{ origins: ['https://App.example'] }, 'origins.0: browsers write this origin as https://app.example'],
  [
    { origins: ['https://*.example.com:443'] },
    'origins.0: browsers write this origin as https://*.example.com',
  ],
  [
    { origins: ['https://bücher.example'] },
    'origins.0: browsers write this origin as https://xn--bcher-kva.example',
  ],
  [{ origins: ['https://a:99999'] }, 'origins.0: "a:99999" is not a host'],
  [{ origins: [APP], methods: ['get'] }, 'methods.0: a method is written in upper case'],
  [{ origins: [APP], exposed: ['x y'] }, 'exposed.0: this is not a field name'],
  [{ origins: [APP], maxAge: 600 }, 'maxAge: a duration is text'],
  [{ origins: [APP], maxage: '1s' }, ': Unrecognized key'],
])('%j is a mistake', (options, message) => {
  expect(mistakes('cors', options)).toEqual([expect.stringContaining(message)]);
});
