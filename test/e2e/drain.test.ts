import { expect, test } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { isAlive } from '../support/proc.ts';
import { connect } from '../support/raw.ts';
import { answersOf, failuresOf, get, steady } from './steady.ts';

const config = (url: string, more: object = {}) => ({
  version: 1,
  log: { access: false },
  upstreams: [{ id: 'api', targets: [{ url }] }],
  routes: [
    { id: 'api', match: { paths: ['/api/*'] }, upstream: 'api' },
    { id: 'own', match: { paths: ['/own/*'] }, respond: { body: 'own' } },
  ],
  ...more,
});

const draining = (gateway: Gateway) => gateway.waitForLine(({ msg }) => msg === 'draining');

test.each(['uws', 'node'])(
  'under load not one request on a standing connection is lost (%s edge)',
  async (edge) => {
    const held: (() => void)[] = [];
    const origin = await startOrigin(({ url }, response) => {
      if (url === '/api/held') held.push(() => response.end('held'));
      else setTimeout(() => response.end('ok'), 20);
    });
    const gateway = await startGateway({
      config: config(origin.url),
      workers: 2,
      env: { SLUICE_EDGE: edge },
    });
    const pids = [gateway.pid, ...gateway.workers()];
    const { port } = gateway;
    const clients = [
      ...(await steady(8, { port, path: '/api/x' })),
      ...(await steady(4, { port, path: '/own/x' })),
    ];
    await expect.poll(() => clients.every(({ answers }) => answers.length > 3)).toBe(true);
    const idle = await connect(port);
    await idle.send(get('/own/x'));
    await idle.reply();
    // So many that each worker has some in flight, and ends only when this test says so.
    const waiting = await Promise.all(Array.from({ length: 12 }, () => connect(port)));
    for (const client of waiting) await client.send(get('/api/held'));
    await expect.poll(() => held.length).toBe(waiting.length);
    process.kill(gateway.pid, 'SIGTERM');
    await draining(gateway);
    // On its way when the listener closed: the connection is idle, and about to be closed.
    await idle.send(get('/own/late'));
    expect(await idle.reply()).toMatchObject({ status: 200 });
    for (const answer of held) answer();
    for (const client of waiting) expect(await client.reply()).toMatchObject({ status: 200 });
    await Promise.all(clients.map((client) => client.ended()));
    expect(failuresOf(clients)).toEqual([]);
    expect(clients.every(({ dismissed }) => dismissed)).toBe(true);
    expect(answersOf(clients).length).toBeGreaterThan(30);
    expect(await gateway.exited).toBe(0);
    expect(gateway.lines.at(-1)).toMatchObject({ msg: 'drained' });
    expect(pids.filter(isAlive)).toEqual([]);
  },
);

test('drainDelay: readiness turns at once, requests and new connections are served until it is over', async () => {
  const DELAY = 2_500;
  const origin = await startOrigin();
  const gateway = await startGateway({
    config: config(origin.url, { drainDelay: `${DELAY}ms` }),
    workers: 2,
  });
  expect((await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  const kept = await steady(2, { port: gateway.port, path: '/api/x' });
  const from = performance.now();
  process.kill(gateway.pid, 'SIGTERM');
  await draining(gateway);
  const ready = await fetch(`${gateway.adminUrl}/readyz`);
  expect([ready.status, await ready.json()]).toMatchObject([503, { status: 'draining' }]);
  expect((await fetch(`${gateway.adminUrl}/livez`)).status).toBe(200);

  let served = 0;
  for (;;) {
    const reply = await fetch(`${gateway.url}/own/x`, { headers: { connection: 'close' } }).catch(() => null);
    if (reply === null) break;
    expect(reply.status).toBe(200);
    served += 1;
  }
  const open = performance.now() - from;
  expect(open).toBeGreaterThan(DELAY);
  expect(open).toBeLessThan(DELAY + 5000);
  expect(served).toBeGreaterThan(5);
  await Promise.all(kept.map((client) => client.ended()));
  expect(failuresOf(kept)).toEqual([]);
  expect(await gateway.exited).toBe(0);
});

test('an idle node ends at once, with idle connections soon', async () => {
  const origin = await startOrigin();
  const gateway = await startGateway({ config: config(origin.url, { drain: '30s' }), workers: 2 });
  const idle = await connect(gateway.port);
  await idle.send(get('/own/x'));
  await idle.reply();
  const from = performance.now();
  expect(await gateway.stop()).toBe(0);
  expect(performance.now() - from).toBeLessThan(10_000);
  expect((await idle.untilClosed()).length).toBe(0);
});

test('what takes longer than `drain` is cut, and the exit code is still 0', async () => {
  const origin = await startOrigin(() => undefined);
  const gateway = await startGateway({ config: config(origin.url, { drain: '300ms' }), workers: 2 });
  const pids = [gateway.pid, ...gateway.workers()];
  const client = await connect(gateway.port);
  await client.send(get('/api/never'));
  await expect.poll(() => origin.requests.length).toBe(1);
  const from = performance.now();
  expect(await gateway.stop()).toBe(0);
  expect(performance.now() - from).toBeGreaterThan(250);
  expect(performance.now() - from).toBeLessThan(10_000);
  expect((await client.untilClosed()).toString()).toBe('');
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a worker that does not listen to anybody is ended by force', async () => {
  const origin = await startOrigin();
  const gateway = await startGateway({ config: config(origin.url, { drain: '100ms' }), workers: 2 });
  const pids = [gateway.pid, ...gateway.workers()];
  process.kill(pids[1]!, 'SIGSTOP');
  expect(await gateway.stop()).toBe(0);
  expect(gateway.lines.map(({ msg }) => msg)).toContain('worker did not drain: ended by force');
  expect(pids.filter(isAlive)).toEqual([]);
});

test('a second signal ends at once, workers too', async () => {
  const origin = await startOrigin(() => undefined);
  const gateway = await startGateway({ config: config(origin.url, { drain: '1h' }), workers: 2 });
  const pids = [gateway.pid, ...gateway.workers()];
  const client = await connect(gateway.port);
  await client.send(get('/api/never'));
  await expect.poll(() => origin.requests.length).toBe(1);
  process.kill(gateway.pid, 'SIGTERM');
  await draining(gateway);
  const from = performance.now();
  process.kill(gateway.pid, 'SIGTERM');
  expect(await gateway.exited).toBe(143);
  expect(performance.now() - from).toBeLessThan(10_000);
  await client.untilClosed();
  await expect.poll(() => pids.filter(isAlive)).toEqual([]);
});

test('a file that changes while the node drains changes nothing', async () => {
  const origin = await startOrigin();
  const gateway = await startGateway({ config: config(origin.url, { drainDelay: '2500ms' }) });
  process.kill(gateway.pid, 'SIGTERM');
  await draining(gateway);
  process.kill(gateway.pid, 'SIGHUP');
  expect((await fetch(`${gateway.url}/own/x`)).status).toBe(200);
  expect(await gateway.exited).toBe(0);
  expect(gateway.lines.map(({ msg }) => msg)).toEqual(['listening', 'draining', 'drained']);
});
