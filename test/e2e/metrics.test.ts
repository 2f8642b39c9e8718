import { describe, expect, test } from 'vitest';
import { FAMILIES } from '../../src/observe/families.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import type { LogLine } from '../support/log-lines.ts';
import { startOrigin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { scrape, scrapeUntil } from './scrape.ts';
import { get } from './steady.ts';

interface World {
  readonly gateway: Gateway;
  readonly target: string;
  readonly dead: string;
}

async function start(more: object = {}): Promise<World> {
  const origin = await startOrigin((request, response) => {
    if (request.url === '/api/never') return;
    response.statusCode = request.url === '/api/broken' ? 500 : 200;
    response.end('from the origin');
  });
  const dead = `127.0.0.1:${await freePort()}`;
  const gateway = await startGateway({
    workers: 2,
    config: {
      version: 1,
      upstreams: [
        { id: 'api', targets: [{ url: origin.url }] },
        { id: 'dead', targets: [{ url: `http://${dead}` }] },
      ],
      routes: [
        { id: 'api', match: { paths: ['/api/*'] }, upstream: 'api' },
        { id: 'brief', match: { paths: ['/api/never'] }, upstream: 'api', timeouts: { request: '400ms' } },
        {
          id: 'patient',
          match: { paths: ['/api/never'], methods: ['POST'] },
          upstream: 'api',
          bodyBytes: '4B',
        },
        { id: 'dead', match: { paths: ['/dead'] }, upstream: 'dead' },
        { id: 'own', match: { paths: ['/own'], methods: ['GET'] }, respond: { body: 'own' } },
      ],
      ...more,
    },
  });
  return { gateway, target: new URL(origin.url).host, dead };
}

/** Sends a request on a connection of its own and gives the status. */
async function ask(gateway: Gateway, request: string): Promise<number> {
  using client = await connect(gateway.port);
  await client.send(request);
  return (await client.reply(request.slice(0, request.indexOf(' ')))).status;
}

const as = (method: string, path: string, ...fields: string[]): string =>
  get(path, ...fields).replace('GET', method);

/** Asks, and leaves before there can be an answer. */
async function leave(gateway: Gateway, path: string): Promise<void> {
  const client = await connect(gateway.port);
  await client.send(as('POST', path, 'Content-Length: 0'));
  await expect.poll(async () => (await scrape(gateway)).sum('sluice_active_requests')).toBe(1);
  client.reset();
}

describe('metrics', () => {
  test('a known set of requests gives exactly its numbers', async () => {
    const { gateway, target, dead } = await start();
    const asked: [request: string, status: number][] = [
      [get('/own'), 200],
      [get('/own'), 200],
      [as('HEAD', '/own'), 200],
      [as('DELETE', '/own'), 405],
      [get('/none'), 404],
      [as('PROPFIND', '/none'), 404],
      [get('/a%2Fb'), 400],
      [as('BREW', '/own'), 501],
      [as('BREW2', '/own'), 501],
      [get('/api/x'), 200],
      [get('/api/broken'), 500],
      [get('/api/never'), 504],
      [`${as('POST', '/api/never', 'Content-Length: 5')}12345`, 413],
      [get('/dead'), 502],
    ];
    for (const [request, status] of asked) expect(await ask(gateway, request), request).toBe(status);
    await leave(gateway, '/api/never');

    const total = asked.length + 1;
    const metrics = await scrapeUntil(gateway, (each) => each.sum('sluice_requests_total') >= total);
    expect(Object.fromEntries(metrics.table('sluice_requests_total'))).toEqual({
      'own GET 200': 2,
      'own HEAD 200': 1,
      '- DELETE 405': 1,
      '- GET 404': 1,
      '- PROPFIND 404': 1,
      '- GET 400': 1,
      '- OTHER 501': 2,
      'api GET 200': 1,
      'api GET 500': 1,
      'brief GET 504': 1,
      'patient POST 413': 1,
      'patient POST 499': 1,
      'dead GET 502': 1,
    });
    expect(Object.fromEntries(metrics.table('sluice_upstream_requests_total'))).toEqual({
      [`api ${target} ok`]: 1,
      [`api ${target} given_up`]: 1,
      [`api ${target} status_5xx`]: 1,
      [`api ${target} reply_timeout`]: 1,
      [`dead ${dead} connect_refused`]: 1,
    });
    for (const name of ['sluice_request_duration_seconds', 'sluice_gateway_duration_seconds']) {
      for (const [route] of metrics.table(`${name}_count`))
        expect(metrics.sum(`${name}_count`, { route }), `${name} ${route}`).toBe(
          metrics.sum('sluice_requests_total', { route }),
        );
      expect(metrics.sum(`${name}_count`)).toBe(total);
    }
    expect(metrics.sum('sluice_upstream_duration_seconds_count', { upstream: 'dead' })).toBe(1);
    // The time-out took 400 ms, and they were the upstream's.
    const took = (name: string) => metrics.sum(`sluice_${name}_duration_seconds_sum`, { route: 'brief' });
    expect(took('request')).toBeGreaterThan(0.39);
    expect(took('gateway')).toBeLessThan(took('request') / 2);
  });

  test('every family is there, and the gauges tell what is', async () => {
    const { gateway } = await start();
    const clients = await Promise.all(Array.from({ length: 5 }, () => connect(gateway.port)));
    for (const client of clients) {
      await client.send(get('/own'));
      await client.reply();
    }
    const held = clients[0]!;
    await held.send(as('POST', '/api/never', 'Content-Length: 0'));
    const busy = await scrapeUntil(
      gateway,
      (each) => each.sum('sluice_connections') === 5 && each.sum('sluice_active_requests') === 1,
    );
    for (const { name, kind } of Object.values(FAMILIES))
      expect([name, busy.families.get(name)?.type]).toEqual([name, kind]);
    expect(
      busy
        .table('sluice_event_loop_lag_seconds')
        .map(([worker]) => worker)
        .sort(),
    ).toEqual(['0', '1']);
    expect(busy.table('sluice_build_info')).toEqual([[`0.1.0 ${process.version} uws`, 1]]);
    expect(busy.sum('sluice_config_generation')).toBe(1);
    expect(busy.sum('sluice_worker_restarts_total')).toBe(0);
    expect(busy.sum('sluice_log_lines_dropped_total')).toBe(0);
    for (const client of clients) client.destroy();
    const quiet = await scrapeUntil(gateway, (each) => each.sum('sluice_connections') === 0);
    expect(quiet.sum('sluice_active_requests')).toBe(0);
  });

  test('no client makes a label', async () => {
    const { gateway } = await start();
    const hostile = ['evil"}', 'evil{x="1"}', 'evil%22', '../evil', 'evil\\n', ...'abcdefgh'];
    for (const name of hostile) {
      await ask(gateway, get(`/own/${name}`));
      await ask(gateway, get(`/api/${name}`, `X-Evil: ${name}`, `User-Agent: ${name}`));
      await ask(gateway, get('/own').replace('test.example', `${name.replace(/[^a-z]/g, '')}.evil`));
    }
    for (const method of ['EVIL', 'EVIL2', 'EVIL-3', 'get', 'Get']) await ask(gateway, as(method, '/own'));
    const metrics = await scrapeUntil(
      gateway,
      (each) => each.sum('sluice_requests_total') >= 3 * hostile.length,
    );
    expect(metrics.text).not.toMatch(/evil/i);
    const methods = metrics.families
      .get('sluice_requests_total')!
      .samples.map(({ labels }) => labels['method']);
    expect([...new Set(methods)].sort()).toEqual(['GET', 'OTHER']);
    expect(metrics.table('sluice_requests_total').length).toBeLessThan(8);
  });
});

const ALWAYS = [
  'time',
  'level',
  'msg',
  'request_id',
  'trace_id',
  'client_ip',
  'method',
  'host',
  'path',
  'protocol',
  'status',
  'bytes_in',
  'bytes_out',
  'duration_ms',
  'attempts',
  'generation',
];

describe('access log', () => {
  const requests = (gateway: Gateway): LogLine[] => gateway.lines.filter(({ msg }) => msg === 'request');

  test('one line a request, with the fields of the contract and no others', async () => {
    const { gateway, target } = await start();
    const upstream = ['upstream_ms', 'route', 'upstream', 'target'];
    const cases: [request: string, fields: string[], values: LogLine][] = [
      [
        get('/own?token=t'),
        ['route'],
        { method: 'GET', path: '/own', status: 200, bytes_out: 3, route: 'own' },
      ],
      [get('/none'), ['error'], { path: '/none', status: 404, error: 'not_found' }],
      [as('PUT', '/own', 'Content-Length: 0'), ['error'], { status: 405, error: 'method_not_allowed' }],
      [get('/a%2fb'), ['error'], { status: 400, error: 'bad_request' }],
      [as('BREW', '/own'), ['error'], { status: 501, error: 'method_unknown' }],
      [
        `${as('POST', '/api/echo?x=1', 'Content-Length: 3')}abc`,
        upstream,
        { method: 'POST', path: '/api/echo', status: 200, bytes_in: 3, bytes_out: 15, attempts: 1, target },
      ],
      [get('/api/broken'), upstream, { status: 500, attempts: 1, upstream: 'api' }],
      [get('/api/never'), [...upstream, 'error'], { status: 504, error: 'reply_timeout' }],
      [get('/dead'), [...upstream, 'error'], { status: 502, error: 'connect_refused', route: 'dead' }],
    ];
    for (const [request] of cases) await ask(gateway, request);
    await expect.poll(() => requests(gateway).length).toBe(cases.length);
    for (const [request, fields, values] of cases) {
      const path = (values['path'] as string | undefined) ?? request.split(' ')[1]!.split('?')[0]!;
      const status = values['status'];
      const line = requests(gateway).find((each) => each['status'] === status && same(each['path'], path));
      expect(line, request).toMatchObject({ ...values, host: 'test.example', protocol: 'HTTP/1.1' });
      expect(Object.keys(line!).sort(), request).toEqual([...ALWAYS, ...fields].sort());
      expect(line!['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(line!['duration_ms']).toBeGreaterThan(0);
      expect(line!['client_ip']).toBe('127.0.0.1');
    }
    const ids = requests(gateway).map((line) => line['request_id']);
    expect(new Set(ids).size).toBe(cases.length);
    expect(await gateway.stop()).toBe(0);
    expect(requests(gateway)).toHaveLength(cases.length);
  });

  const same = (logged: unknown, path: string) => String(logged).toLowerCase() === path.toLowerCase();

  test('a client that left is 499, and the upstream is not blamed', async () => {
    const { gateway } = await start();
    await leave(gateway, '/api/never');
    const line = await gateway.waitForRequest({ path: '/api/never' });
    expect(line).toMatchObject({
      status: 499,
      error: 'client_left',
      route: 'patient',
      attempts: 1,
      bytes_out: 0,
    });
    const metrics = await scrapeUntil(gateway, (each) => each.sum('sluice_requests_total') === 1);
    expect(metrics.table('sluice_requests_total')).toEqual([['patient POST 499', 1]]);
    const outcomes = metrics.table('sluice_upstream_requests_total').map(([labels]) => labels);
    expect(outcomes.filter((labels) => /reset|timeout|status_5xx/.test(labels))).toEqual([]);
    expect(metrics.sum('sluice_active_requests')).toBe(0);
  });

  test('the query is told only when asked for, its secrets never', async () => {
    const { gateway } = await start({ log: { query: true, redact: ['token', 'PIN'] } });
    await ask(gateway, get('/own?a=1&token=s3cret&Pin=1234&b[token]=s3cret&%74oken=s3cret'));
    const line = await gateway.waitForLine(({ msg }) => msg === 'request');
    expect(line['path']).toBe('/own?a=1&token=***&Pin=***&b[token]=***&%74oken=***');
    expect(gateway.output).not.toMatch(/s3cret|1234/);
  });

  test('what a client sends cannot forge a line or break one', async () => {
    const { gateway } = await start({ log: { query: true } });
    const sent = [
      get('/own?x="}\\n{"level":"info","msg":"forged"}'.replaceAll('"', '%22')),
      get(`/${'x'.repeat(6000)}`),
      get('/%0a%0d%1b[31m'),
      get('/own', 'X-Request-Id: forged"\\', `traceparent: 00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
    ];
    for (const request of sent) await ask(gateway, request);
    await expect.poll(() => requests(gateway).length).toBe(sent.length);
    for (const text of gateway.output.trimEnd().split('\n')) {
      expect(() => JSON.parse(text) as unknown).not.toThrow();
      expect(text.length).toBeLessThan(4096);
    }
    expect(gateway.lines.some(({ msg }) => msg === 'forged')).toBe(false);
    const traced = requests(gateway).find((line) => line['trace_id'] === 'a'.repeat(32));
    expect(traced?.['request_id']).toMatch(/^[0-9a-f]{32}$/);
    expect(traced?.['request_id']).not.toBe('a'.repeat(32));
  });

  test('it is switched off by `log.access`, and by a stricter level', async () => {
    const { gateway } = await start({ log: { access: false } });
    await ask(gateway, get('/own'));
    // A level that hides the event, too: that it is applied is seen from outside.
    gateway.reload({ version: 1, log: { level: 'warn' } }).catch(() => undefined);
    await scrapeUntil(gateway, (each) => each.sum('sluice_config_generation') === 2);
    expect(await ask(gateway, get('/own'))).toBe(404);
    expect(await gateway.stop()).toBe(0);
    expect(gateway.lines.map(({ msg }) => msg)).toEqual(['listening']);
  });
});
