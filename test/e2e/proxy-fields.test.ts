import { beforeAll, describe, expect, test } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import { startOrigin, type Origin, type SeenRequest } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import type { WireReply } from '../support/reply-parser.ts';
import { EDGES, joined, startProxy, through } from './proxying.ts';

/** An address that the configuration trusts, and one that it does not. */
const TRUSTED = '127.0.0.2';
const STRANGER = '127.0.0.1';
const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

let serial = 0;

describe.each(EDGES)('what an upstream receives from the %s edge', (edge) => {
  let origin: Origin;
  let gateway: Gateway;

  beforeAll(async () => {
    origin = await startOrigin((request, response) => {
      request.resume();
      response.end('ok');
    });
    const { port } = origin;
    const parts = [
      through('plain', port),
      through('target', port, { host: 'target' }),
      through('named', port, { host: 'inner.example:81' }),
      through('api', port, {}, { policies: { rewrite: { stripPrefix: '/api', addPrefix: '/v2' } } }),
    ];
    gateway = await startProxy(
      edge,
      joined(parts, { trustedProxies: ['127.0.0.2/32', '10.0.0.0/8', 'fd00::/8'] }),
    );
  });

  interface Asked {
    readonly reply: WireReply;
    readonly seen: SeenRequest | undefined;
    /** The request's line of the access log. */
    readonly logged: () => Promise<Readonly<Record<string, unknown>>>;
  }

  async function ask(fields: string[], from = STRANGER, path = `/plain/${++serial}`): Promise<Asked> {
    const client = await connect(gateway.port, { from });
    await client.send([`GET ${path} HTTP/1.1`, 'Host: shop.example:8080', ...fields, '', ''].join('\r\n'));
    const reply = await client.reply();
    const seen = origin.requests.find(({ url }) => url === path);
    return { reply, seen, logged: () => gateway.waitForRequest({ path: path.split('?')[0] }) };
  }

  async function seenOf(fields: string[], from = STRANGER, path?: string): Promise<SeenRequest> {
    const { reply, seen } = await ask(fields, from, path);
    expect(reply.status).toBe(200);
    return seen!;
  }

  test('a plain request gains exactly the documented fields', async () => {
    const seen = await seenOf(['Accept: */*', 'X-Own: 1']);
    expect(seen.fields.map(([name]) => name.toLowerCase()).filter((name) => name !== 'connection')).toEqual([
      'host',
      'accept',
      'x-own',
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'x-request-id',
      'traceparent',
      'via',
    ]);
    expect(seen.get('host')).toEqual(['shop.example:8080']);
    expect(seen.get('x-forwarded-for')).toEqual([STRANGER]);
    expect(seen.get('x-forwarded-proto')).toEqual(['http']);
    expect(seen.get('x-forwarded-host')).toEqual(['shop.example:8080']);
    expect(seen.get('x-request-id')[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(seen.get('traceparent')[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(seen.get('via')).toEqual(['1.1 sluice']);
  });

  test('every field of a stranger that claims to know the client is removed', async () => {
    const { seen, logged } = await ask([
      'X-Forwarded-For: 203.0.113.9',
      'x_forwarded_for: 203.0.113.10',
      'X-Forwarded-Proto: https',
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Port: 443',
      'X-Forwarded-Prefix: /x',
      'X_Forwarded-Server: x',
      'X-Real-IP: 203.0.113.9',
      'X_Real_IP: 203.0.113.9',
      'Forwarded: for=203.0.113.9',
      'X-Request-Id: mine',
      'X_Request_Id: mine',
    ]);
    const claims = seen!.fields.filter(([name]) => /^x[-_]forwarded|^forwarded|real|^x.request/i.test(name));
    expect(claims.map(([name]) => name)).toEqual([
      'x-forwarded-for',
      'x-forwarded-proto',
      'x-forwarded-host',
      'x-request-id',
    ]);
    expect(seen!.get('x-forwarded-for')).toEqual([STRANGER]);
    expect(seen!.get('x-forwarded-proto')).toEqual(['http']);
    expect(seen!.get('x-forwarded-host')).toEqual(['shop.example:8080']);
    expect(seen!.get('x-request-id')[0]).not.toBe('mine');
    expect(await logged()).toMatchObject({ client_ip: STRANGER, request_id: seen!.get('x-request-id')[0] });
  });

  test('letters whose last byte is that of a line feed break no line', async () => {
    const hop = Buffer.from('203.0.113.9\u010d\u010ax-admin: 1').toString('latin1');
    const seen = await seenOf([`X-Forwarded-For: ${hop}`], TRUSTED);
    expect(seen.get('x-admin')).toEqual([]);
    expect(seen.get('x-forwarded-for')).toEqual([`${hop}, ${TRUSTED}`]);
  });

  describe('a trusted peer is believed', () => {
    test.each([
      ['one address', ['203.0.113.9'], '203.0.113.9'],
      ['the right-most that is not trusted', ['198.51.100.1, 203.0.113.9, 10.1.2.3'], '203.0.113.9'],
      ['nobody but trusted ones: the left-most', ['10.0.0.5, 10.1.2.3'], '10.0.0.5'],
      ['several lines count as one', ['198.51.100.1', '203.0.113.9', '10.1.2.3'], '203.0.113.9'],
      ['IPv6, also behind trusted IPv6', ['2001:db8::7, fd00::1'], '2001:db8::7'],
      ['IPv6 in its long form', ['2001:0DB8:0:0:0:0:0:7'], '2001:db8::7'],
      ['garbage on the left is not looked at', ['<script>, 203.0.113.9'], '203.0.113.9'],
      ['garbage on the right: the peer', ['203.0.113.9, unknown'], TRUSTED],
      ['garbage behind a trusted hop: that hop', ['203.0.113.9, _x, 10.1.2.3'], '10.1.2.3'],
      ['an empty entry is garbage', ['203.0.113.9,, 10.1.2.3'], '10.1.2.3'],
      ['an IPv4-mapped address is IPv4', ['::ffff:203.0.113.9, ::ffff:10.0.0.1'], '203.0.113.9'],
    ])('%s', async (_what, lines, client) => {
      const { seen, logged } = await ask(
        lines.map((line) => `X-Forwarded-For: ${line}`),
        TRUSTED,
      );
      expect(seen!.get('x-forwarded-for')).toEqual([[...lines, TRUSTED].join(', ')]);
      expect(await logged()).toMatchObject({ client_ip: client });
    });

    test('host, scheme, request id and other claims', async () => {
      const fields = [
        'X-Forwarded-Proto: https',
        'X-Forwarded-Host: front.example',
        'X-Forwarded-Port: 443',
        'X-Request-Id: abc-123',
      ];
      const { seen, logged } = await ask(fields, TRUSTED);
      expect(seen!.get('x-forwarded-for')).toEqual([TRUSTED]);
      expect(seen!.get('x-forwarded-proto')).toEqual(['https']);
      expect(seen!.get('x-forwarded-host')).toEqual(['front.example']);
      expect(seen!.get('x-forwarded-port')).toEqual(['443']);
      expect(seen!.get('x-request-id')).toEqual(['abc-123']);
      expect(await logged()).toMatchObject({ request_id: 'abc-123', client_ip: TRUSTED });
    });

    test('but not where what it says is no host, no scheme, no id', async () => {
      const fields = [
        'X-Forwarded-Proto: gopher',
        'X-Forwarded-Host: a b',
        `X-Request-Id: ${'x'.repeat(129)}`,
      ];
      const seen = await seenOf(fields, TRUSTED);
      expect(seen.get('x-forwarded-proto')).toEqual(['http']);
      expect(seen.get('x-forwarded-host')).toEqual(['shop.example:8080']);
      expect(seen.get('x-request-id')[0]).toMatch(/^[0-9a-f]{32}$/);
    });

    test('nor with underscores in the names', async () => {
      const { seen, logged } = await ask(['X_Forwarded_For: 203.0.113.9'], TRUSTED);
      expect(seen!.get('x-forwarded-for')).toEqual([TRUSTED]);
      expect(seen!.get('x_forwarded_for')).toEqual([]);
      expect(await logged()).toMatchObject({ client_ip: TRUSTED });
    });
  });

  describe('traceparent', () => {
    test('a valid one goes on, and the log has its trace', async () => {
      const { seen, logged } = await ask([`traceparent: ${TRACE}`, 'tracestate: a=b']);
      expect(seen!.get('traceparent')).toEqual([TRACE]);
      expect(seen!.get('tracestate')).toEqual(['a=b']);
      expect(await logged()).toMatchObject({ trace_id: '0af7651916cd43dd8448eb211c80319c' });
    });

    test.each([
      'nonsense',
      TRACE.toUpperCase(),
      `${TRACE}-more`,
      TRACE.replace(/^00/, 'ff'),
      '00-00000000000000000000000000000000-b7ad6b7169203331-01',
      '00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01',
    ])('an invalid one is replaced: %s', async (value) => {
      const { seen, logged } = await ask([`traceparent: ${value}`]);
      expect(seen!.get('traceparent')).toHaveLength(1);
      expect(seen!.get('traceparent')[0]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
      expect(seen!.get('traceparent')[0]).toContain((await logged())['trace_id']);
      expect(seen!.get('traceparent')[0]).not.toContain('0af7651916cd43dd8448eb211c80319c');
    });
  });

  test('Via is appended to the one that was there', async () => {
    const seen = await seenOf(['Via: 1.0 fred, 1.1 nowhere.com']);
    expect(seen.get('via').join(', ')).toBe('1.0 fred, 1.1 nowhere.com, 1.1 sluice');
  });

  test('identity fields are never taken from a client, trusted or not, however they are spelled', async () => {
    const fields = ['X-Consumer-Id: a', 'x_consumer_id: a', 'X-User-Id: a', 'x_user-id: a', 'X_USER_ID: a'];
    for (const from of [STRANGER, TRUSTED]) {
      const seen = await seenOf(fields, from);
      expect(seen.fields.filter(([name]) => /consumer|user/i.test(name))).toEqual([]);
    }
  });

  test('hop-by-hop fields and those that Connection lists go, before ours are added', async () => {
    const seen = await seenOf([
      'Connection: keep-alive, X-Private, x-forwarded-for, Via, X-Request-Id, traceparent',
      'Connection: X-Second',
      'X-Private: 1',
      'X-Second: 2',
      'X-Third: 3',
      'Via: 1.0 fred',
      'TE: trailers',
      'Trailer: x',
      'Keep-Alive: timeout=5',
      'Proxy-Connection: keep-alive',
      'Proxy-Authorization: Basic eA==',
    ]);
    const names = seen.fields.map(([name]) => name.toLowerCase());
    for (const gone of [
      'x-private',
      'x-second',
      'te',
      'trailer',
      'keep-alive',
      'proxy-connection',
      'proxy-authorization',
    ])
      expect(names).not.toContain(gone);
    expect(seen.get('x-third')).toEqual(['3']);
    expect(seen.get('via')).toEqual(['1.1 sluice']);
    expect(seen.get('x-forwarded-for')).toEqual([STRANGER]);
    expect(seen.get('x-request-id')).toHaveLength(1);
    expect(seen.get('traceparent')).toHaveLength(1);
  });

  test('UTF-8 values arrive byte for byte, repeats in order', async () => {
    const text = 'a € ü 漢字 😀 z';
    const bytes = Buffer.from(text, 'utf8').toString('latin1');
    const seen = await seenOf([`X-Text: ${bytes}`, 'X-Text: second', 'Cookie: a=1', 'Cookie: b=2']);
    expect(seen.get('x-text')).toEqual([bytes, 'second']);
    expect(seen.get('cookie').join('; ')).toBe('a=1; b=2');
  });

  test('a value that is not text answers 400 and goes nowhere', async () => {
    for (const bytes of ['a\xffb', 'a\xc3(b', 'a\xed\xa0\x80b']) {
      const { reply, seen, logged } = await ask([`X-Text: ${bytes}`]);
      expect(reply.status).toBe(400);
      expect(reply.get('content-type')).toBe('application/problem+json');
      expect(JSON.parse(String(reply.body))).toMatchObject({ type: 'urn:sluice:problem:bad_request' });
      expect(seen).toBeUndefined();
      expect(await logged()).toMatchObject({ status: 400, error: 'bad_request' });
    }
  });

  test('Host is the client’s, the target’s or a given one', async () => {
    expect((await seenOf([], STRANGER, '/plain/host')).get('host')).toEqual(['shop.example:8080']);
    expect((await seenOf([], STRANGER, '/target/host')).get('host')).toEqual([`127.0.0.1:${origin.port}`]);
    const named = await seenOf([], STRANGER, '/named/host');
    expect(named.get('host')).toEqual(['inner.example:81']);
    expect(named.get('x-forwarded-host')).toEqual(['shop.example:8080']);
  });

  test.each([
    ['/plain/a/./b/../c', '/plain/a/c'],
    ['/plain/%7Euser/%41', '/plain/~user/A'],
    ['/plain//x/', '/plain//x/'],
    ['/plain/%e4%BD%a0', null],
    ['/nowhere/../plain/y', '/plain/y'],
    ['/api/users/7', '/v2/users/7'],
    ['/api/users/%2E%2e/8', '/v2/8'],
  ])('the path that is matched is the one that is forwarded: %s', async (path, forwarded) => {
    const { reply } = await ask([], STRANGER, path);
    expect(reply.status).toBe(200);
    const url = origin.requests.at(-1)!.url;
    if (forwarded === null) expect(url.toLowerCase()).toBe(path.toLowerCase());
    else expect(url).toBe(forwarded);
  });

  test.each(['?', '?a=1&b=%zz&&c=+%20&a=2', '?q=%E2%82%AC/../x?y', '?%2F%5c%00=..'])(
    'the query is kept byte for byte: %s',
    async (query) => {
      const { reply } = await ask([], STRANGER, `/plain/q${++serial}${query}`);
      expect(reply.status).toBe(200);
      const expected = query === '?' ? `/plain/q${serial}` : `/plain/q${serial}${query}`;
      expect(origin.requests.at(-1)!.url.replace(/\?$/, '')).toBe(expected);
    },
  );
});
