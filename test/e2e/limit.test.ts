import { parseList } from 'structured-headers';
import { describe, expect, test } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin, type Origin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import type { WireReply } from '../support/reply-parser.ts';
import { EDGES } from './proxying.ts';

/** The example of the policy is tried in `policies.test.ts`. */

const configOf = (origin: Origin, limit: unknown, rest: object = {}) => ({
  version: 1,
  workers: 2,
  upstreams: [{ id: 'o', targets: [{ url: origin.url }] }],
  routes: [{ id: 'api', match: { paths: ['/*'] }, upstream: 'o', policies: { limit } }],
  ...rest,
});

const answering = () =>
  startOrigin((request, response) => {
    response.statusCode = Number(/\/status\/(\d+)/.exec(request.url ?? '')?.[1] ?? 200);
    response.end('ok');
  });

async function start(limit: unknown, rest: object = {}): Promise<{ gateway: Gateway; origin: Origin }> {
  const origin = await answering();
  return { origin, gateway: await startGateway({ config: configOf(origin, limit, rest) }) };
}

/** One request on a connection of its own, so that both workers get their share. */
async function ask(
  { port }: Gateway,
  path = '/',
  from = '127.0.0.1',
  ...fields: string[]
): Promise<WireReply> {
  using client = await connect(port, { from });
  await client.send([`GET ${path} HTTP/1.1`, 'Host: x', ...fields, '', ''].join('\r\n'));
  return await client.reply();
}

const count = (replies: readonly WireReply[], status: number) =>
  replies.filter((reply) => reply.status === status).length;

const fields = (reply: WireReply, name: string): Record<string, Record<string, unknown>> =>
  Object.fromEntries(
    parseList(reply.get(name) ?? '').map(([item, params]) => [item as string, Object.fromEntries(params)]),
  );

describe.each(EDGES)('over two workers of the %s edge', (edge) => {
  test('the classic case: capacity 10, refill 1/s, 15 at once: exactly 10 pass', async () => {
    const origin = await answering();
    const limit = { by: 'ip', rate: '1/s', burst: 10 };
    const gateway = await startGateway({ config: configOf(origin, limit), env: { SLUICE_EDGE: edge } });
    const clients = await Promise.all(Array.from({ length: 15 }, () => connect(gateway.port)));
    const began = performance.now();
    await Promise.all(clients.map((client) => client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n')));
    const replies = await Promise.all(clients.map((client) => client.reply()));
    const refilled = Math.floor((performance.now() - began) / 1000);
    expect(count(replies, 200)).toBeGreaterThanOrEqual(10);
    // Exactly 10, unless the machine was so busy that they took longer than a second.
    expect(count(replies, 200)).toBeLessThanOrEqual(10 + refilled);
    expect(count(replies, 200) + count(replies, 429)).toBe(15);
  });

  test('each request gets a number of its own of what is left, and each refusal says all there is to say', async () => {
    const origin = await answering();
    const limit = { by: 'ip', rate: '1/h', burst: 10 };
    const gateway = await startGateway({ config: configOf(origin, limit), env: { SLUICE_EDGE: edge } });
    // A refill that does not fall into the test, however busy the machine is.
    const replies = await Promise.all(Array.from({ length: 15 }, () => ask(gateway)));
    expect([count(replies, 200), count(replies, 429)]).toEqual([10, 5]);
    expect(origin.requests).toHaveLength(10);
    for (const reply of replies) {
      expect(fields(reply, 'ratelimit-policy')).toEqual({ 'token-bucket:ip': { q: 10, w: 36_000 } });
      expect(fields(reply, 'ratelimit')['token-bucket:ip']).toMatchObject({
        r: expect.any(Number) as number,
        t: expect.any(Number) as number,
      });
    }
    const left = replies.flatMap((reply) =>
      reply.status === 200 ? [fields(reply, 'ratelimit')['token-bucket:ip']!['r']] : [],
    );
    expect(left.sort((a, b) => Number(a) - Number(b))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    const refused = replies.find(({ status }) => status === 429)!;
    expect(JSON.parse(refused.body.toString())).toMatchObject({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      status: 429,
      'violated-policies': ['token-bucket:ip'],
    });
    const line = await gateway.waitForRequest({ status: 429 });
    expect(line).toMatchObject({ limit: 'token-bucket:ip', error: 'rate_limited', route: 'api' });
    expect((await ask(gateway, '/', '127.0.0.2')).status).toBe(200);
    const series = async () => {
      const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
      return [...text.matchAll(/^sluice_limit_decisions_total\{.*decision="(\w+)".*\} (\d+)$/gm)]
        .filter(([, , n]) => n !== '0')
        .map(([, decision, n]) => `${decision!} ${n!}`)
        .sort();
    };
    await expect.poll(series).toEqual(['allowed 11', 'refused 5']);
  });

  test('Retry-After is kept: who waits that long is served', async () => {
    const origin = await answering();
    const limit = { by: 'ip', rate: '1/s', burst: 2 };
    const gateway = await startGateway({ config: configOf(origin, limit), env: { SLUICE_EDGE: edge } });
    let refused: WireReply;
    do refused = await ask(gateway);
    while (refused.status !== 429);
    const seconds = Number(refused.get('retry-after'));
    expect(seconds).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    expect((await ask(gateway)).status).toBe(200);
  });
});

test('shadow refuses nobody, and says in the log what it would have done', async () => {
  const { gateway } = await start({ by: 'ip', rate: '2/h', mode: 'shadow', name: 'trial' });
  const replies = await Promise.all(Array.from({ length: 4 }, () => ask(gateway)));
  expect(count(replies, 200)).toBe(4);
  expect(await gateway.waitForRequest({ limit: 'trial', status: 200 })).toMatchObject({ route: 'api' });
});

test('several limits: a refused request is charged to none, and both fields list all', async () => {
  const { gateway } = await start([
    { by: 'ip', rate: '5/h', name: 'wide' },
    { by: 'header:x-tenant', rate: '1/h', name: 'narrow' },
  ]);
  const from = (tenant: string) => ask(gateway, '/', '127.0.0.1', `X-Tenant: ${tenant}`);
  expect((await from('a')).status).toBe(200);
  for (let i = 0; i < 6; i++) {
    const refused = await from('a');
    expect(refused.status).toBe(429);
    expect(Object.keys(fields(refused, 'ratelimit-policy'))).toEqual(['wide', 'narrow']);
    expect(fields(refused, 'ratelimit')).toMatchObject({ wide: { r: 4 }, narrow: { r: 0 } });
    expect(Number(refused.get('retry-after'))).toBeGreaterThan(3000);
  }
  for (const tenant of ['b', 'c', 'd', 'e']) expect((await from(tenant)).status).toBe(200);
  expect((await from('f')).status).toBe(429);
});

test('count: failures: wrong answers count, right ones do not', async () => {
  const { gateway } = await start({ by: 'ip', rate: '3/h', count: 'failures' });
  for (let i = 0; i < 6; i++) expect((await ask(gateway, '/status/200')).status).toBe(200);
  for (let i = 0; i < 3; i++) expect((await ask(gateway, '/status/401')).status).toBe(401);
  expect((await ask(gateway, '/status/200')).status).toBe(429);
});

test('a preflight is answered before limits', async () => {
  const { gateway } = await start({ by: 'ip', rate: '1/h' }, { policies: { cors: { origins: ['*'] } } });
  using client = await connect(gateway.port);
  for (let i = 0; i < 3; i++) {
    await client.send(
      'OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: GET\r\n\r\n',
    );
    const reply = await client.reply('OPTIONS');
    expect([reply.status, reply.get('ratelimit')]).toEqual([204, undefined]);
  }
  expect((await ask(gateway)).status).toBe(200);
});

test('a limit of the root is one bucket over all routes, also over what no route matches', async () => {
  const origin = await answering();
  const gateway = await startGateway({
    config: {
      version: 1,
      routes: ['a', 'b'].map((id) => ({ id, match: { paths: [`/${id}`] }, respond: { body: id } })),
      policies: { limit: { by: 'ip', rate: '3/h' } },
    },
  });
  const replies = [];
  for (const path of ['/a', '/b', '/none', '/a']) replies.push(await ask(gateway, path));
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 404, 429]);
  expect(replies[2]!.get('ratelimit')).toMatch(/r=0/);
  await origin.stop();
});

test('a reload leaves buckets alone, and a changed rate keeps them', async () => {
  const limit = { by: 'ip', rate: '4/h', name: 'calls' };
  const { gateway, origin } = await start(limit);
  const left = async () => fields(await ask(gateway), 'ratelimit')['calls']!['r'];
  expect([await left(), await left()]).toEqual([3, 2]);
  const next = configOf(origin, limit);
  next.routes.push({ ...next.routes[0]!, id: 'other', match: { paths: ['/other'] } });
  expect(await gateway.reload(next)).toMatchObject({ msg: expect.stringMatching(/applied/) as string });
  expect(await left()).toBe(1);
  await gateway.reload(configOf(origin, { ...limit, rate: '5/h', burst: 5 }));
  const after = await left();
  // What was spent is still spent: a new bucket would have four left.
  expect(Number(after)).toBeLessThan(4);
  await gateway.reload(configOf(origin, { ...limit, name: 'others' }));
  expect(fields(await ask(gateway), 'ratelimit')).toMatchObject({ others: { r: 3 } });
});

test('concurrency: as many at once as it says, and a killed worker holds none of them', async () => {
  const origin = await startOrigin((request, response) => {
    if (request.url === '/hang') return;
    response.end('ok');
  });
  const limit = { by: 'ip', algorithm: 'concurrency', max: 4, name: 'flight' };
  const gateway = await startGateway({ config: configOf(origin, limit) });
  const hang = async () => {
    const client = await connect(gateway.port);
    await client.send('GET /hang HTTP/1.1\r\nHost: x\r\n\r\n');
    return client;
  };
  const held = await Promise.all([1, 2, 3, 4].map(hang));
  await expect.poll(() => origin.requests.length).toBe(4);
  expect((await ask(gateway)).status).toBe(429);
  held[0]!.destroy();
  await expect.poll(async () => (await ask(gateway)).status).toBe(200);
  for (const pid of gateway.workers()) process.kill(pid, 'SIGKILL');
  const free = async () => {
    const reply = await ask(gateway).catch(() => null);
    return reply === null ? null : [reply.status, fields(reply, 'ratelimit')['flight']?.['r']];
  };
  await expect.poll(free, { interval: 200 }).toEqual([200, 3]);
});

test('legacy fields, when they are asked for', async () => {
  const { gateway } = await start({ by: 'ip', rate: '5/h' }, { rateLimitHeaders: 'both' });
  const reply = await ask(gateway);
  expect(fields(reply, 'ratelimit-policy')).toEqual({ 'token-bucket:ip': { q: 5, w: 3600 } });
  expect([reply.get('x-ratelimit-limit'), reply.get('x-ratelimit-remaining')]).toEqual(['5', '4']);
});
