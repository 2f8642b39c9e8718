import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { examples, folder, last, start } from './example.ts';

test('cors: pages of ours with cookies, any page without', async () => {
  const example = await start('cors');
  const { ask, origin } = example;
  const preflight = (target: string, from: string, method: string, ...fields: string[]) =>
    ask(`OPTIONS ${target}`, `Origin: ${from}`, `Access-Control-Request-Method: ${method}`, ...fields);

  const allowed = await preflight(
    '/account/me',
    'https://app.example',
    'DELETE',
    'Access-Control-Request-Headers: x-csrf-token',
  );
  expect(allowed.status).toBe(204);
  expect(allowed.get('access-control-allow-origin')).toBe('https://app.example');
  expect(allowed.get('access-control-allow-credentials')).toBe('true');
  expect(allowed.get('access-control-allow-methods')).toMatch(/GET, ?POST, ?DELETE/);
  expect(allowed.get('access-control-allow-headers')).toMatch(/content-type, ?authorization, ?x-csrf-token/);
  expect(allowed.get('access-control-max-age')).toBe('600');
  expect(allowed.get('vary')).toMatch(/origin/i);
  const foreign = await preflight('/account/me', 'https://evil.example', 'GET');
  expect(foreign.get('access-control-allow-origin')).toBeUndefined();
  // Answered before anything else: the origin was not asked.
  expect(origin.requests).toHaveLength(0);

  const read = await ask('GET /account/me', 'Origin: https://shop.app.example');
  expect([read.status, read.get('access-control-allow-origin')]).toEqual([200, 'https://shop.app.example']);
  expect(read.get('access-control-expose-headers')).toMatch(/x-request-id, ?etag/);
  const evil = await ask('GET /account/me', 'Origin: https://evil.example');
  expect([evil.status, evil.get('access-control-allow-origin')]).toEqual([200, undefined]);
  const outside = await ask('GET /account/me');
  expect(outside.get('access-control-allow-origin')).toBeUndefined();

  const open = await ask('GET /public/x', 'Origin: https://anyone.example');
  expect(open.get('access-control-allow-origin')).toBe('*');
  expect(open.get('access-control-allow-credentials')).toBeUndefined();
  const asking = await preflight(
    '/public/x',
    'https://anyone.example',
    'GET',
    'Access-Control-Request-Headers: x-a,x-b',
  );
  expect(asking.get('access-control-allow-headers')).toMatch(/x-a, ?x-b/);
});

test('headers: dropped, replaced and added on the way there and back', async () => {
  const example = await start('headers');
  const reply = await example.ask('GET /x', 'X-Debug: 1', 'X-Client: forged', 'X-Seen-By: other');
  const seen = last(example);
  expect(seen.get('x-debug')).toEqual([]);
  expect(seen.get('x-client')).toEqual(['127.0.0.1']);
  expect(seen.get('x-region')).toEqual(['eu']);
  expect(seen.get('x-seen-by').join(', ')).toBe('other, sluice/api');
  expect(reply.get('server')).toBeUndefined();
  expect(reply.get('x-powered-by')).toBeUndefined();
  expect(reply.get('strict-transport-security')).toBe('max-age=31536000');
  expect(reply.get('x-content-type-options')).toBe('nosniff');
  const { request_id: id } = await example.gateway.waitForRequest({ path: '/x' });
  expect(reply.get('server-timing')).toBe(`gateway;desc="${String(id)}"`);
});

test('headers: ${REGION} comes from the environment, once', async () => {
  const example = await start('headers', { env: { REGION: 'us' } });
  await example.ask('GET /x');
  expect(last(example).get('x-region')).toEqual(['us']);
});

test('ip: deny wins, allow refuses everyone else, for the address that a trusted proxy tells', async () => {
  // The example trusts a balancer in 10.0.0.0/8; here it sits on this machine.
  const text = readFileSync(join(folder, 'ip.yaml'), 'utf8');
  expect(text).toContain('trustedProxies: [10.0.0.0/8]');
  const { ask } = await start('ip');
  const behind = await startGateway({
    config: text.replace('10.0.0.0/8', '127.0.0.1').replace(':9001', `:${(await startOrigin()).port}`),
  });
  const status = async (path: string, address: string) => {
    const reply = await fetch(behind.url + path, { headers: { 'x-forwarded-for': address } });
    return reply.status;
  };
  expect(await status('/shop', '198.51.100.7')).toBe(200);
  expect(await status('/shop', '203.0.113.9')).toBe(403);
  expect(await status('/none/of/these', '203.0.113.9')).toBe(403);
  expect(await status('/admin/x', '198.51.100.7')).toBe(200);
  expect(await status('/admin/x', '2001:db8:17::5')).toBe(200);
  expect(await status('/admin/x', '198.51.100.200')).toBe(403);
  expect(await status('/admin/x', '192.0.2.1')).toBe(403);
  // Right-most address that is not trusted: what the client wrote before it counts for nothing.
  expect(await status('/admin/x', '198.51.100.7, 192.0.2.1')).toBe(403);

  // Without a trusted proxy in front, nobody is believed.
  expect((await ask('GET /shop', 'X-Forwarded-For: 203.0.113.9')).status).toBe(200);
  const refused = await ask('GET /admin/x', 'X-Forwarded-For: 198.51.100.7');
  expect(refused.status).toBe(403);
  expect(JSON.parse(refused.body.toString())).toMatchObject({
    type: 'urn:sluice:problem:forbidden',
    status: 403,
  });
});

test('request-id: every caller sees the id of the log, an older service gets its own name', async () => {
  const example = await start('request-id');
  const reply = await example.ask('GET /orders/7', 'X-Request-Id: forged');
  const { request_id: id } = await example.gateway.waitForRequest({ path: '/orders/7' });
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(reply.get('x-request-id')).toBe(id);
  expect(last(example).get('x-request-id')).toEqual([id]);

  const legacy = await example.ask('GET /legacy/7', 'X-Correlation-Id: forged');
  const { request_id: own } = await example.gateway.waitForRequest({ path: '/legacy/7' });
  expect(last(example).get('x-correlation-id')).toEqual([own]);
  expect(last(example).get('x-request-id')).toEqual([own]);
  expect(legacy.get('x-correlation-id')).toBeUndefined();
  expect(legacy.get('x-request-id')).toBeUndefined();
});

test('rewrite: path and query change on the way, the route does not', async () => {
  const example = await start('rewrite');
  const sent = async (target: string) => {
    await example.ask(`GET ${target}`);
    return last(example).url;
  };
  expect(await sent('/api/users/7')).toBe('/v2/users/7');
  expect(await sent('/api/users?q=1')).toBe('/v2/users?q=1');
  expect(await sent('/u/7/photos/2024/1.jpg')).toBe('/people/7/files/2024/1.jpg?size=small');
  expect(await sent('/u/7/photos/a%20b?size=big&debug=1&x=2')).toBe('/people/7/files/a%20b?x=2&size=small');
  expect((await example.gateway.waitForRequest({ route: 'photos' }))['path']).toBe('/u/7/photos/2024/1.jpg');
});

test('limit: by address, by tenant and in flight, wrong passwords, and one for all other routes', async () => {
  const example = await start('limit');
  const { ask } = example;
  const times = async (n: number, ...asked: Parameters<typeof ask>) => {
    const replies = await Promise.all(Array.from({ length: n }, () => ask(...asked)));
    return replies.map(({ status }) => status);
  };
  const catalogue = await ask('GET /catalogue/x');
  expect(catalogue.get('ratelimit-policy')).toBe('"token-bucket:ip";q=20;w=2');
  expect(await times(40, 'GET /catalogue/x')).toEqual(expect.arrayContaining([200, 429]));
  const exported = await ask('GET /exports/x', 'X-Tenant: acme');
  expect(exported.get('ratelimit')).toMatch(
    /^"tenant-hour";r=999;t=\d+, "tenant-exports";r=1, "trial";r=4;t=\d+$/,
  );
  for (let i = 0; i < 6; i++) await ask('GET /exports/x', 'X-Tenant: acme');
  expect(await example.gateway.waitForRequest({ limit: 'trial' })).toMatchObject({ status: 200 });
  for (let i = 0; i < 9; i++) expect((await ask('GET /login')).status).toBe(200);
  expect((await ask('GET /api/x')).get('ratelimit-policy')).toBe('"per-consumer";q=600;w=60');
});

test('every example of a policy is tried here', () => {
  const { all, tried } = examples();
  expect(tried).toEqual(all);
});

test('global policies rule answers of the gateway itself: 404, 405, 502', async () => {
  const gateway = await startGateway({
    config: {
      version: 1,
      upstreams: [{ id: 'dead', targets: [{ url: `http://127.0.0.1:${await freePort()}` }] }],
      routes: [
        { id: 'own', match: { paths: ['/own'], methods: ['GET'] }, respond: { body: 'own' } },
        { id: 'dead', match: { paths: ['/dead'] }, upstream: 'dead' },
        {
          id: 'bare',
          match: { paths: ['/bare'] },
          respond: { body: 'x' },
          policies: { 'request-id': false },
        },
      ],
      policies: {
        'request-id': {},
        cors: { origins: ['https://app.example'] },
        headers: { response: { set: { 'x-content-type-options': 'nosniff' } } },
        ip: { deny: ['127.0.0.9'] },
      },
    },
  });
  const ask = async (request: string, from = '127.0.0.1') => {
    using client = await connect(gateway.port, { from });
    await client.send(`${request} HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example\r\n\r\n`);
    return await client.reply(request.split(' ')[0]);
  };
  for (const [request, status, code] of [
    ['GET /own', 200, null],
    ['GET /none', 404, 'not_found'],
    ['DELETE /own', 405, 'method_not_allowed'],
    ['GET /dead', 502, 'connect_refused'],
    ['GET /%2f', 400, 'bad_request'],
  ] as const) {
    const reply = await ask(request);
    expect(reply.status, request).toBe(status);
    expect(reply.get('x-request-id'), request).toMatch(/^[0-9a-f]{32}$/);
    // What is refused before a route is looked for has passed no policy that asks about requests.
    const origin = status === 400 ? undefined : 'https://app.example';
    expect(reply.get('access-control-allow-origin'), request).toBe(origin);
    expect(reply.get('x-content-type-options'), request).toBe('nosniff');
    if (code === null) continue;
    expect(reply.get('content-type')).toBe('application/problem+json');
    const problem = JSON.parse(reply.body.toString()) as Record<string, unknown>;
    expect(problem).toMatchObject({ type: `urn:sluice:problem:${code}`, status });
    expect(problem['instance']).toContain(reply.get('x-request-id'));
    expect(reply.body.toString()).not.toContain('127.0.0.1');
  }
  expect((await ask('DELETE /own')).get('allow')).toBe('GET, HEAD');
  expect((await ask('GET /dead')).get('proxy-status')).toBe('sluice; error=connection_refused');
  expect((await ask('GET /bare')).get('x-request-id')).toBeUndefined();
  // Refused before a route has its say, with and without one.
  for (const request of ['GET /own', 'GET /none', 'DELETE /own'])
    expect((await ask(request, '127.0.0.9')).status, request).toBe(403);
});
