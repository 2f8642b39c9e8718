import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FaultOrigin, startFaultOrigin } from '../support/fault-origin.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { freePort } from '../support/ports.ts';
import { connect } from '../support/raw.ts';
import { expectMetric, get, joined, through } from './proxying.ts';
import { ownerOf } from './sockets.ts';

async function ask(gateway: Gateway, path: string, method = 'GET') {
  const client = await connect(gateway.port);
  await client.send(
    method === 'GET' ? get(path) : `${method} ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`,
  );
  return client.reply(method);
}

/** Open for longer than a machine stalls: what is asked meanwhile must not be a probe. */
const RULES = { minRequests: 5, window: '10s', open: '3s', halfOpen: 2 };

describe('a breaker that two workers share', () => {
  let origin: FaultOrigin;
  let gateway: Gateway;

  beforeAll(async () => {
    origin = await startFaultOrigin();
    gateway = await startGateway({
      workers: 2,
      config: {
        version: 1,
        ...joined([
          through('o', origin.port, { breaker: RULES }),
          through('forced', origin.port, { breaker: RULES }),
        ]),
      },
    });
  });

  beforeEach(() => {
    origin.fault = 'none';
  });

  test('opens for both, and closes for both after two good probes', async () => {
    const target = `127.0.0.1:${origin.port}`;
    origin.fault = 'unavailable';
    for (let i = 0; i < 5; i++) expect((await ask(gateway, '/o/fail')).status).toBe(503);
    // Each connection is the kernel's to give, so some of these come to the worker that saw none of the failures.
    for (let i = 0; i < 10; i++) {
      const reply = await ask(gateway, '/o/open');
      expect(reply.status).toBe(503);
      expect(reply.get('proxy-status')).toBe('sluice; error=destination_unavailable');
      expect(Number(reply.get('retry-after'))).toBeGreaterThan(0);
      expect(JSON.parse(String(reply.body))).toMatchObject({ type: 'urn:sluice:problem:breaker_open' });
    }
    expect(origin.seen).toHaveLength(5);
    expect(await gateway.waitForRequest({ path: '/o/open' })).toMatchObject({
      error: 'breaker_open',
      attempts: 0,
    });
    await expectMetric(gateway, 'sluice_breaker_state', { upstream: 'o', target: '' }, 2);
    await expectMetric(gateway, 'sluice_breaker_state', { upstream: 'o', target }, 2);

    origin.fault = 'none';
    await expect.poll(() => ask(gateway, '/o/back').then(({ status }) => status)).toBe(200);
    for (let i = 0; i < 10; i++) expect((await ask(gateway, '/o/back')).status).toBe(200);
    await expectMetric(gateway, 'sluice_breaker_state', { upstream: 'o' }, 0);
  });

  test('an operator opens, closes and lets go, for every worker', async () => {
    const breakers = `${gateway.adminUrl}/api/v1/breakers`;
    const order = async (action: string, target?: string) => {
      const body = JSON.stringify({ upstream: 'forced', action, ...(target !== undefined && { target }) });
      const reply = await fetch(breakers, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      return { status: reply.status, body: (await reply.json()) as Record<string, unknown> };
    };
    const statuses = async () => {
      const all = [];
      for (let i = 0; i < 6; i++) all.push((await ask(gateway, '/forced/a')).status);
      return [...new Set(all)];
    };
    expect(await statuses()).toEqual([200]);
    expect(await order('open')).toMatchObject({
      status: 201,
      body: { upstream: 'forced', state: 'open', forced: 'open' },
    });
    await expect.poll(statuses).toEqual([503]);
    const { items } = (await (await fetch(breakers)).json()) as { items: object[] };
    expect(items).toContainEqual({ upstream: 'forced', target: '', state: 'open', forced: 'open' });
    expect(items).toContainEqual({
      upstream: 'forced',
      target: `127.0.0.1:${origin.port}`,
      state: 'closed',
      forced: null,
    });
    expect(await order('auto')).toMatchObject({ status: 201, body: { state: 'closed', forced: null } });
    await expect.poll(statuses).toEqual([200]);
    expect((await order('open', `127.0.0.1:${origin.port}`)).status).toBe(201);
    await expect.poll(statuses).toEqual([503]);
    await order('auto', `127.0.0.1:${origin.port}`);
    await expect.poll(statuses).toEqual([200]);
    expect((await order('open', 'nobody:1')).status).toBe(404);
    expect((await order('shut')).status).toBe(422);
    await order('close');
    origin.fault = 'unavailable';
    // The upstream's is held closed, that of its target still rules itself.
    for (let i = 0; i < 80; i++) await ask(gateway, '/forced/b');
    expect(origin.seen.filter((line) => line.endsWith('/forced/b')).length).toBeLessThan(70);
  });
});

test('with an open target the others serve, and neither aborts nor faults of our own count', async () => {
  const [bad, good] = [await startFaultOrigin(), await startFaultOrigin()];
  bad.fault = 'resets';
  const targets = [bad, good].map(({ url }) => ({ url }));
  const gateway = await startGateway({
    config: {
      version: 1,
      ...joined([
        through('o', 0, { targets, breaker: { ...RULES, minRequests: 4, errorRatio: '70%', open: '30s' } }),
        through('slow', 0, { targets: [{ url: bad.url }], breaker: { ...RULES, minRequests: 2 } }),
      ]),
    },
  });
  const statuses = [];
  for (let i = 0; i < 30; i++) statuses.push((await ask(gateway, '/o/a')).status);
  expect(statuses.filter((status) => status === 502)).toHaveLength(4);
  expect(bad.seen).toHaveLength(4);
  await expectMetric(gateway, 'sluice_breaker_state', { upstream: 'o', target: `127.0.0.1:${bad.port}` }, 2);
  await expectMetric(gateway, 'sluice_breaker_state', { upstream: 'o', target: '' }, 0);

  bad.fault = 'stalls';
  for (let i = 0; i < 6; i++) {
    const client = await connect(gateway.port);
    await client.send(get(`/slow/${i}`));
    await expect.poll(() => bad.seen.includes(`GET /slow/${i}`)).toBe(true);
    client.destroy();
    await gateway.waitForRequest({ path: `/slow/${i}`, status: 499 });
  }
  bad.fault = 'none';
  expect((await ask(gateway, '/slow/now')).status).toBe(200);
});

test('half-open lets exactly as many probes through as it may, whoever asks', async () => {
  const origin = await startFaultOrigin();
  origin.fault = 'resets';
  const gateway = await startGateway({
    workers: 2,
    config: { version: 1, ...joined([through('o', origin.port, { breaker: RULES })]) },
  });
  for (let i = 0; i < 5; i++) await ask(gateway, '/o/fail');
  expect((await ask(gateway, '/o/open')).status).toBe(503);
  origin.fault = 'stalls';
  // The open time ends on the machine's clock; until then nothing gets through.
  const clients = [];
  while (origin.seen.length < 6) {
    const client = await connect(gateway.port);
    await client.send(get('/o/probe'));
    clients.push(client);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const others = await Promise.all(Array.from({ length: 20 }, () => connect(gateway.port)));
  for (const client of others) await client.send(get('/o/probe'));
  // One of these may be the second probe, which is not answered.
  const refused = () => others.filter(({ received }) => received.includes('HTTP/1.1 503 ')).length;
  await expect.poll(refused).toBeGreaterThanOrEqual(19);
  expect(origin.seen.filter((line) => line === 'GET /o/probe')).toHaveLength(2);
  for (const client of [...clients, ...others]) client.destroy();
});

test(
  'a worker killed while it holds the probe: another makes it when its time is over',
  { timeout: 40_000 },
  async () => {
    const origin = await startFaultOrigin();
    origin.fault = 'resets';
    const gateway = await startGateway({
      workers: 2,
      config: {
        version: 1,
        // A probe is given up one second after the longest time that a request may take.
        ...joined([
          through('o', origin.port, {
            breaker: { ...RULES, open: '500ms', halfOpen: 1 },
            timeouts: { request: '4s' },
          }),
        ]),
      },
    });
    for (let i = 0; i < 5; i++) await ask(gateway, '/o/fail');
    origin.fault = 'stalls';
    let holder = await connect(gateway.port);
    let began = 0;
    for (;;) {
      began = performance.now();
      await holder.send(get('/o/probe'));
      await expect.poll(() => origin.seen.length > 5 || holder.received.length > 0).toBe(true);
      if (origin.seen.length > 5) break;
      holder = await connect(gateway.port);
    }
    const worker = ownerOf(gateway.port, holder.socket.localPort!, gateway.workers());
    process.kill(worker!, 'SIGKILL');
    origin.fault = 'none';
    await expect.poll(() => gateway.workers().includes(worker!)).toBe(false);
    expect((await ask(gateway, '/o/after')).status).toBe(503);
    expect(origin.seen).toHaveLength(6);
    await expect.poll(() => ask(gateway, '/o/back').then(({ status }) => status)).toBe(200);
    expect(performance.now() - began).toBeGreaterThan(4_500);
    for (let i = 0; i < 10; i++) expect((await ask(gateway, '/o/back')).status).toBe(200);
    await expectMetric(gateway, 'sluice_breaker_state', { upstream: 'o' }, 0);
  },
);

describe('the fallback ladder', () => {
  let gateway: Gateway;
  let origin: FaultOrigin;
  let second: FaultOrigin;

  beforeAll(async () => {
    [origin, second] = [await startFaultOrigin(), await startFaultOrigin()];
    const on = ['connect', 'reset', 503];
    const respond = { respond: { status: 200, body: 'sorry', headers: { 'X-From': 'ladder' } } };
    const nobody = await freePort();
    gateway = await startGateway({
      config: {
        version: 1,
        ...joined([
          through('second', second.port, { fallback: [respond] }),
          through('o', origin.port, { retry: { attempts: 1, on }, fallback: [{ upstream: 'second' }] }),
          through('closed', nobody, { fallback: [{ upstream: 'second' }] }),
          through('told', nobody, { fallback: [{ stale: true }, { respond: { body: 'back soon' } }] }),
          through('barred', origin.port, {
            breaker: { ...RULES, minRequests: 1, open: '60s' },
            fallback: [{ upstream: 'second' }],
          }),
        ]),
      },
    });
  });

  beforeEach(() => {
    origin.fault = second.fault = 'none';
  });

  test('a second upstream answers for one that fails, and says so', async () => {
    origin.fault = 'resets';
    const reply = await ask(gateway, '/o/reset');
    expect([reply.status, String(reply.body)]).toEqual([200, 'fine']);
    expect(reply.get('proxy-status')).toBe('sluice; error=connection_terminated; details="fallback"');
    expect(await gateway.waitForRequest({ path: '/o/reset' })).toMatchObject({
      status: 200,
      attempts: 2,
      error: 'reset',
      target: `127.0.0.1:${second.port}`,
    });
    await expectMetric(
      gateway,
      'sluice_upstream_requests_total',
      { upstream: 'second', target: `127.0.0.1:${second.port}`, outcome: 'ok' },
      1,
    );
    origin.fault = 'unavailable';
    expect((await ask(gateway, '/o/status')).get('proxy-status')).toBe(
      'sluice; received-status=503; details="fallback"',
    );
  });

  test('its own ladder goes on from there', async () => {
    origin.fault = second.fault = 'resets';
    const reply = await ask(gateway, '/o/both');
    expect([reply.status, String(reply.body), reply.get('x-from')]).toEqual([200, 'sorry', 'ladder']);
    expect(reply.get('proxy-status')).toBe('sluice; error=connection_terminated; details="fallback"');
  });

  test('a POST that may have been seen goes nowhere else; one that was not sent does', async () => {
    origin.fault = 'resets';
    expect(String((await ask(gateway, '/o/post', 'POST')).body)).toBe('sorry');
    expect(second.seen).not.toContain('POST /o/post');
    expect((await ask(gateway, '/closed/post', 'POST')).status).toBe(200);
    expect(second.seen).toContain('POST /closed/post');
  });

  test('a reply of our own is the last rung', async () => {
    const reply = await ask(gateway, '/told/a');
    expect([reply.status, String(reply.body), reply.get('retry-after')]).toEqual([503, 'back soon', '1']);
    expect(reply.get('proxy-status')).toBe('sluice; error=connection_refused; details="fallback"');
    expect(await gateway.waitForRequest({ path: '/told/a' })).toMatchObject({ error: 'connect_refused' });
  });

  test('an open breaker is reason enough', async () => {
    origin.fault = 'unavailable';
    await ask(gateway, '/barred/a');
    const before = origin.seen.length;
    const reply = await ask(gateway, '/barred/b');
    expect([reply.status, reply.get('proxy-status')]).toEqual([
      200,
      'sluice; error=destination_unavailable; details="fallback"',
    ]);
    expect(origin.seen.length).toBe(before);
  });
});
