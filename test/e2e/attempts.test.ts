import { Agent, request } from 'node:http';
import { beforeAll, describe, expect, test } from 'vitest';
import { type FaultName, type FaultOrigin, startFaultOrigin } from '../support/fault-origin.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { EDGES, expectMetric, get, joined, metric, startProxy, through } from './proxying.ts';

const urls = (...ports: number[]) => ({
  targets: ports.map((port) => ({ url: `http://127.0.0.1:${port}` })),
});
const post = (path: string, body: string, fields = '') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\n${fields}Content-Length: ${body.length}\r\n\r\n${body}`;

async function ask(gateway: Gateway, text: string, method = 'GET') {
  const client = await connect(gateway.port);
  await client.send(text);
  return client.reply(method);
}

describe.each(EDGES)('retries (%s edge)', (edge) => {
  let gateway: Gateway;
  let bad: FaultOrigin;
  let good: FaultOrigin;

  beforeAll(async () => {
    [bad, good] = [await startFaultOrigin(), await startFaultOrigin()];
    const on = ['connect', 'reset', 'timeout', 503];
    const retry = { attempts: 2, on, backoff: '1ms', bufferBytes: '1KB' };
    gateway = await startProxy(
      edge,
      joined([
        through('pair', 0, { ...urls(bad.port, good.port), retry, timeouts: { firstByte: '500ms' } }),
        through('three', 0, {
          ...urls(bad.port, await freePort(), good.port),
          retry: { ...retry, attempts: 3 },
        }),
        through('short', bad.port, {
          retry: { ...retry, attempts: 10, backoff: '10ms' },
          timeouts: { firstByte: '500ms', request: '1600ms' },
        }),
        // Its tries outlast every test: each wait is random, but nine of them are not all short.
        through('long', bad.port, {
          retry: { ...retry, attempts: 10, backoff: '20s' },
          timeouts: { request: '1h' },
        }),
      ]),
    );
  });

  test.each<FaultName>(['resets', 'half-closes', 'stalls', 'garbage', 'unavailable'])(
    'the other target answers when one %s',
    async (fault) => {
      bad.fault = fault;
      for (let i = 0; i < 4; i++) expect((await ask(gateway, get(`/pair/${fault}`))).status).toBe(200);
      expect(await gateway.waitForRequest({ path: `/pair/${fault}`, attempts: 2 })).toMatchObject({
        target: `127.0.0.1:${good.port}`,
        status: 200,
      });
    },
  );

  test('never the same target twice while another is left', async () => {
    bad.fault = 'resets';
    for (let i = 0; i < 9; i++) expect((await ask(gateway, get(`/three/${i}`))).status).toBe(200);
    const seen = bad.seen.filter((line) => line.startsWith('GET /three/'));
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('a POST is repeated with Idempotency-Key, its body whole; not without', async () => {
    bad.fault = 'resets';
    const key = 'Idempotency-Key: "a"\r\n';
    for (let i = 0; i < 2; i++)
      expect((await ask(gateway, post('/pair/key', 'hello', key))).status).toBe(200);
    const statuses = [];
    for (let i = 0; i < 2; i++) statuses.push((await ask(gateway, post('/pair/none', 'hello'))).status);
    expect(statuses.sort()).toEqual([200, 502]);
  });

  test('a body beyond bufferBytes goes through once', async () => {
    bad.fault = 'resets';
    const body = 'x'.repeat(5_000);
    const statuses = [];
    for (let i = 0; i < 2; i++)
      statuses.push((await ask(gateway, post('/pair/large', body).replace('POST', 'PUT'))).status);
    expect(statuses.sort()).toEqual([200, 502]);
  });

  test('timeouts.request bounds all tries together', async () => {
    bad.fault = 'stalls';
    const reply = await ask(gateway, get('/short/a'));
    expect(reply.status).toBe(504);
    // Ten would take five seconds.
    const { attempts } = await gateway.waitForRequest({ path: '/short/a' });
    expect(attempts).toBeGreaterThan(1);
    expect(attempts).toBeLessThan(5);
  });

  test('a client that leaves during a back-off ends it', async () => {
    bad.fault = 'unavailable';
    const client = await connect(gateway.port);
    await client.send(get('/long/left'));
    await expect.poll(() => bad.seen.includes('GET /long/left')).toBe(true);
    client.destroy();
    expect(await gateway.waitForRequest({ path: '/long/left' })).toMatchObject({ status: 499 });
    await expectMetric(gateway, 'sluice_active_requests', {}, 0);
  });
});

test('the budget ends a storm of retries', async () => {
  const bad = await startFaultOrigin();
  bad.fault = 'unavailable';
  const gateway = await startProxy(
    'uws',
    joined([through('o', bad.port, { retry: { attempts: 3, budget: '10%', backoff: '0ms' } })]),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  const one = () =>
    new Promise<void>((resolve, reject) => {
      request(`${gateway.url}/o/x`, { agent }, (reply) => void reply.resume().on('end', resolve))
        .on('error', reject)
        .end();
    });
  const began = performance.now();
  for (let i = 0; i < 60; i++) await Promise.all(Array.from({ length: 32 }, one));
  const seconds = (performance.now() - began) / 1000;
  agent.destroy();
  // The floor of ten a second over a window of ten seconds, and a tenth of the traffic.
  await expect.poll(() => metric(gateway, 'sluice_upstream_requests_total')).toBeGreaterThanOrEqual(1920);
  const retries = await metric(gateway, 'sluice_retries_total');
  expect(retries).toBeGreaterThan(90);
  expect(retries).toBeLessThan(400 + 10 * seconds);
}, 60_000);

test('of 10,000 POSTs through failing targets none is seen twice', { timeout: 90_000 }, async () => {
  const origins = [await startFaultOrigin(), await startFaultOrigin()];
  const mix: FaultName[] = ['resets', 'half-closes', 'garbage', 'unavailable', 'lies-short'];
  let n = 0;
  for (const origin of origins) origin.fault = () => (++n % 3 === 0 ? mix[(n / 3) % mix.length]! : 'none');
  const gateway = await startGateway({
    workers: 2,
    config: {
      version: 1,
      ...joined([
        through('o', 0, {
          ...urls(origins[0]!.port, origins[1]!.port, await freePort()),
          retry: {
            attempts: 3,
            on: ['connect', 'reset', 'timeout', 502, 503],
            budget: '100%',
            backoff: '0ms',
          },
          hedge: { after: '1ms', max: '100%' },
        }),
      ]),
    },
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const statuses = new Map<number, number>();
  const one = (id: number) =>
    new Promise<void>((resolve) => {
      const done = (status: number) => {
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        resolve();
      };
      const sent = request(`${gateway.url}/o/${id}`, { agent, method: 'POST' }, (reply) => {
        reply.on('error', () => undefined).resume();
        reply.once('close', () => done(reply.statusCode ?? 0));
      });
      sent.once('error', () => done(0)).end('hello');
    });
  let next = 0;
  const run = async () => {
    while (next < 10_000) await one(next++);
  };
  await Promise.all(Array.from({ length: 64 }, run));
  agent.destroy();
  const seen = origins.flatMap((origin) => origin.seen);
  expect(seen.length).toBeGreaterThan(9_000);
  expect(new Set(seen).size).toBe(seen.length);
  expect(statuses.get(200)).toBeGreaterThan(5_000);
  expect(statuses.get(502)).toBeGreaterThan(500);
  // Those that met the closed port were tried again.
  await expect.poll(() => metric(gateway, 'sluice_retries_total')).toBeGreaterThan(1_000);
});

test('a hedge answers for a target that is slow; a slow POST has none', async () => {
  // So long that a machine that stalls does not make up for it.
  const SLOW = 1_500;
  let slowed = 0;
  const slow = await startOrigin((_, response) => {
    slowed++;
    setTimeout(() => response.end('slow'), SLOW);
  });
  const quick = await startOrigin((_, response) => void response.end('quick'));
  const gateway = await startProxy(
    'uws',
    joined([through('o', 0, { ...urls(slow.port, quick.port), hedge: { after: '30ms', max: '50%' } })]),
  );
  const began = performance.now();
  const bodies = [];
  for (let i = 0; i < 8; i++) bodies.push(String((await ask(gateway, get('/o/a'))).body));
  // Hedges are a share of the traffic, so not every slow one has one.
  expect(bodies.filter((body) => body === 'quick').length).toBeGreaterThan(5);
  expect(performance.now() - began).toBeLessThan(4 * SLOW);
  expect(slowed).toBeGreaterThan(2);
  expect(await gateway.waitForRequest({ attempts: 2 })).toMatchObject({ target: `127.0.0.1:${quick.port}` });
  await expect
    .poll(() => metric(gateway, 'sluice_upstream_requests_total', { outcome: 'given_up' }))
    .toBeGreaterThan(1);
  const posted = [];
  for (let i = 0; i < 2; i++) posted.push(String((await ask(gateway, post('/o/p', 'x'))).body));
  expect(posted.sort()).toEqual(['quick', 'slow']);
});
