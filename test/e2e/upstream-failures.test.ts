import type { Socket } from 'node:net';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Gateway } from '../support/gateway.ts';
import type { Origin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { EDGES, expectMetric, get, joined, startProxy, startRawOrigin, through } from './proxying.ts';

type Behaviour = (socket: Socket) => void;

/** Closing, so that no failure hits a pooled connection, which would be repeated. */
const ok = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';

/** What an upstream does wrong before the client has seen anything, and how the client is told. */
const REFUSALS: [name: string, does: Behaviour, status: number, code: string, token: string | null][] = [
  ['closes before it replies', (s) => s.end(), 502, 'reset', 'connection_terminated'],
  ['resets before it replies', (s) => s.resetAndDestroy(), 502, 'reset', 'connection_terminated'],
  ['closes within its head', (s) => s.end('HTTP/1.1 200 OK\r\nX: '), 502, 'reset', 'connection_terminated'],
  ...(
    [
      ['speaks another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
      ['has a bad status', 'HTTP/1.1 9999 What\r\n\r\n'],
      ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'],
      [
        'has a length and a coding',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2',
      ],
      ['has a NUL in a value', 'HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok'],
      ['has a bare CR in a value', 'HTTP/1.1 200 OK\r\nX: a\rSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok'],
      ['has an unknown coding', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok'],
      ['switches protocols unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n'],
      ['has a head too large', `HTTP/1.1 200 OK\r\n${`X-Long: ${'x'.repeat(1000)}\r\n`.repeat(70)}\r\n`],
      ['has a line without an end', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(70_000)}`],
    ] as const
  ).map(([name, text]): (typeof REFUSALS)[number] => [
    `its reply ${name}`,
    (socket) => socket.write(Buffer.from(text, 'latin1')),
    502,
    'bad_reply',
    'http_protocol_error',
  ]),
];

/** What it does wrong when a part of the reply is with the client already. */
const CUTS: [name: string, path: string, begins: string, then: Behaviour, error: string][] = [
  [
    'closes before the announced length',
    'plain',
    'Content-Length: 10\r\n\r\nhello',
    (s) => s.end(),
    'reply_cut',
  ],
  [
    'closes between two chunks',
    'plain',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    (s) => s.end(),
    'reply_cut',
  ],
  [
    'closes within a chunk',
    'plain',
    'Transfer-Encoding: chunked\r\n\r\n9\r\nhello',
    (s) => s.end(),
    'reply_cut',
  ],
  [
    'resets within its body',
    'plain',
    'Content-Length: 10\r\n\r\nhello',
    (s) => s.resetAndDestroy(),
    'reply_cut',
  ],
  [
    'breaks its chunked framing',
    'plain',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    (s) => s.write('xyz\r\n'),
    'bad_reply',
  ],
  [
    'falls silent within a sized body',
    'silent',
    'Content-Length: 10\r\n\r\nhello',
    () => undefined,
    'idle_timeout',
  ],
  [
    'falls silent within a chunked body',
    'silent',
    'Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    () => undefined,
    'idle_timeout',
  ],
  ['falls silent within a body until close', 'silent', 'X: y\r\n\r\nhello', () => undefined, 'idle_timeout'],
];

let serial = 0;

describe.each(EDGES)('an upstream that fails, seen through the %s edge', (edge) => {
  let gateway: Gateway;
  let origin: Origin;
  let behave: Behaviour = (socket) => socket.write(ok);

  beforeAll(async () => {
    origin = await startRawOrigin((_head, socket) => behave(socket));
    const { port } = origin;
    const parts = [
      through('plain', port),
      through('silent', port, { timeouts: { idle: '200ms' } }),
      through('late', port, { timeouts: { request: '700ms' } }),
      through('first', port, { timeouts: { firstByte: '500ms' } }),
      through('patient', port, { timeouts: { request: '5s' } }, { timeouts: { request: '700ms' } }),
      through('lasting', port, { timeouts: { request: '100ms' } }, { timeouts: { request: '10s' } }),
      through('refused', await freePort()),
      through('unknown', 80, { targets: [{ url: 'http://does-not-exist.invalid' }] }),
    ];
    gateway = await startProxy(edge, joined(parts));
  });

  /** How often each outcome must have been counted, by upstream and outcome. */
  const counted = new Map<string, number>();
  const count = (upstream: string, outcome: string) => {
    const key = `${upstream} ${outcome}`;
    counted.set(key, (counted.get(key) ?? 0) + 1);
  };

  async function ask(upstream: string) {
    const path = `/${upstream}/${++serial}`;
    const client = await connect(gateway.port);
    await client.send(get(path));
    return { client, path };
  }

  async function expectProblem(upstream: string, status: number, code: string, token: string | null) {
    const { client, path } = await ask(upstream);
    count(upstream, code);
    const reply = await client.reply();
    expect(reply.status).toBe(status);
    expect(reply.get('content-type')).toBe('application/problem+json');
    expect(reply.get('proxy-status')).toBe(token === null ? undefined : `sluice; error=${token}`);
    const problem = JSON.parse(String(reply.body)) as Record<string, unknown>;
    const logged = await gateway.waitForRequest({ path });
    expect(problem).toEqual({
      type: `urn:sluice:problem:${code}`,
      title: expect.any(String) as string,
      status,
      detail: expect.any(String) as string,
      instance: logged['request_id'],
    });
    expect(JSON.stringify([problem, reply.fields])).not.toMatch(/127\.0\.0\.1|:\d{4,5}\b|node:| at /);
    expect(logged).toMatchObject({ status, error: code, upstream });
    return client;
  }

  test.each(REFUSALS)('%s', async (_name, does, status, code, token) => {
    behave = does;
    const client = await expectProblem('plain', status, code, token);
    // The client's connection has done nothing wrong.
    behave = (socket) => socket.write(ok);
    await client.send(get('/plain/next'));
    expect(String((await client.reply()).body)).toBe('ok');
  });

  test.each([
    ['refuses the connection', 'refused', 502, 'connect_refused', 'connection_refused'],
    ['has a name that does not resolve', 'unknown', 502, 'dns', 'dns_error'],
    ['does not answer in the upstream’s time', 'late', 504, 'reply_timeout', 'http_response_timeout'],
    ['does not send a first byte in time', 'first', 504, 'reply_timeout', 'http_response_timeout'],
    ['does not answer in the route’s time', 'patient', 504, 'reply_timeout', 'http_response_timeout'],
  ])('it %s', async (_name, upstream, status, code, token) => {
    const closed = new Promise<void>((resolve) => {
      behave = (socket) => void socket.once('close', resolve);
    });
    await expectProblem(upstream, status, code, token);
    if (status === 504) await closed;
  });

  test('a route may be more patient than its upstream', async () => {
    behave = (socket) => void setTimeout(() => socket.write(ok), 400);
    const { client } = await ask('lasting');
    expect((await client.reply()).status).toBe(200);
  });

  test.each(CUTS)('it %s', async (_name, upstream, begins, then, error) => {
    count(upstream, error);
    let held: Socket | null = null;
    behave = (socket) => {
      held = socket;
      socket.write(`HTTP/1.1 200 OK\r\n${begins}`);
    };
    const { client, path } = await ask(upstream);
    await client.until(() => (client.received.includes('hello') ? true : null));
    then(held!);
    const bytes = String(await client.untilClosed());
    expect(bytes).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    // A message that looks whole would be a lie.
    if (/^content-length: 10\r$/im.test(bytes)) expect(bytes).toMatch(/\r\n\r\nhello$/);
    else {
      expect(bytes).toMatch(/^transfer-encoding: chunked\r$/im);
      expect(bytes).not.toMatch(/\r\n0\r\n/);
    }
    expect(await gateway.waitForRequest({ path })).toMatchObject({ status: 200, error });
  });

  test('each failure is counted once, under its name', async () => {
    expect(counted.size).toBeGreaterThan(8);
    for (const [key, times] of counted) {
      const [upstream = '', outcome = ''] = key.split(' ');
      await expectMetric(gateway, 'sluice_upstream_requests_total', { upstream, outcome }, times);
    }
    await expectMetric(gateway, 'sluice_retries_total', {}, 0);
    await expectMetric(gateway, 'sluice_active_requests', {}, 0);
  });

  test('more requests wait than may', { timeout: 60_000 }, async () => {
    const slow = await startRawOrigin(() => undefined);
    const busy = await startProxy(
      edge,
      joined([
        through('busy', slow.port, { connections: { max: 1 }, timeouts: { connect: '60s', request: '60s' } }),
      ]),
    );
    const clients = await Promise.all(Array.from({ length: 1026 }, () => connect(busy.port)));
    for (const client of clients) client.socket.write(get('/busy'));
    const refused = await Promise.race(clients.map((client) => client.reply('GET', 20_000)));
    expect(refused.status).toBe(503);
    expect(refused.get('proxy-status')).toBe('sluice; error=connection_limit_reached');
    expect(refused.get('retry-after')).toBe('1');
    expect(JSON.parse(String(refused.body))).toMatchObject({ type: 'urn:sluice:problem:pool_full' });
    expect(await busy.waitForRequest({ error: 'pool_full' })).toMatchObject({ status: 503 });
    await expectMetric(busy, 'sluice_upstream_requests_total', { outcome: 'pool_full' }, 1);
    await expectMetric(busy, 'sluice_active_requests', {}, 1025);
    expect(slow.connections).toBe(1);
  });

  test('a request waits for a connection no longer than it may take to connect', async () => {
    const slow = await startRawOrigin(() => undefined);
    const busy = await startProxy(
      edge,
      joined([through('busy', slow.port, { connections: { max: 1 }, timeouts: { connect: '1s' } })]),
    );
    const [first, second] = [await connect(busy.port), await connect(busy.port)];
    await first.send(get('/busy/1'));
    await expect.poll(() => slow.connections).toBe(1);
    await second.send(get('/busy/2'));
    const reply = await second.reply();
    expect(reply.status).toBe(504);
    expect(reply.get('proxy-status')).toBe('sluice; error=connection_timeout');
    expect(await busy.waitForRequest({ path: '/busy/2' })).toMatchObject({ error: 'connect_timeout' });
  });
});
