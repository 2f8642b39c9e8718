import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { freePort } from '../support/ports.ts';
import { scrape } from './scrape.ts';

/** The timeout is longer than a machine stalls: nobody is taken for ill who is not. */
const ACTIVE = { path: '/healthz', interval: '100ms', timeout: '5s', healthy: 2, unhealthy: 2 };
const config = (targets: (string | object)[], upstream: object = {}) => ({
  version: 1,
  upstreams: [
    {
      id: 'u',
      targets: targets.map((each) => (typeof each === 'string' ? { url: each } : each)),
      timeouts: { connect: '5s', request: '20s' },
      ...upstream,
    },
  ],
  routes: [{ id: 'r', match: { paths: ['/*'] }, upstream: 'u' }],
});

/** Milliseconds after the primary has said so until every worker knows, of a busy machine. */
const PAUSE = 1_000;

/** An origin of its own process, so that it can be killed and stopped. Resolves when it listens. */
async function startProcess(port: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'origin-process.mjs'), String(port)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  atEnd(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

const urlOf = (port: number) => `http://127.0.0.1:${port}`;
const status = async (gateway: Gateway) => {
  const reply = await fetch(`${gateway.url}/x`);
  await reply.arrayBuffer();
  return reply.status;
};
/** Statuses of requests sent one after the other, on four connections, until told to stop. */
function load(gateway: Gateway): { stop(): Promise<number[]> } {
  let on = true;
  const statuses: number[] = [];
  const lane = async () => {
    while (on) statuses.push(await status(gateway).catch(() => 0));
  };
  const lanes = [lane(), lane(), lane(), lane()];
  return {
    async stop() {
      on = false;
      await Promise.all(lanes);
      return statuses;
    },
  };
}
const change = (gateway: Gateway, msg: string, target: string, ms?: number) =>
  gateway.waitForLine((line) => line['msg'] === msg && line['target'] === target, ms);

test('one prober a node: its health reaches every worker, in the log and the metrics', async () => {
  let well = true;
  const bad = await startOrigin((request, response) =>
    response.writeHead(request.url !== '/healthz' || well ? 200 : 500).end(),
  );
  const good = await startOrigin();
  const gateway = await startGateway({
    config: config([bad.url, good.url], { health: { active: ACTIVE } }),
    workers: 2,
  });
  await expect.poll(async () => (await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  const label = `127.0.0.1:${bad.port}`;
  const health = async () =>
    (await scrape(gateway)).sum('sluice_target_health', { upstream: 'u', target: label });
  expect(await health()).toBe(1);

  const asked = (url: string) => bad.requests.filter((each) => each.url === url).length;
  const [before, began] = [asked('/healthz'), performance.now()];
  await expect.poll(() => asked('/healthz')).toBeGreaterThanOrEqual(before + 14);
  // Ten probes a second from one prober, give or take the jitter, and fewer on a slow machine; two would send twenty.
  expect(performance.now() - began).toBeGreaterThan(1_000);

  well = false;
  expect(await change(gateway, 'target is unhealthy', label)).toMatchObject({
    upstream: 'u',
    reason: 'status 500',
  });
  await sleep(PAUSE);
  const [used, seen] = [asked('/x'), good.requests.length];
  // Connections of fetch are spread over both workers: neither uses the target.
  for (let i = 0; i < 60; i++) expect(await status(gateway)).toBe(200);
  expect(asked('/x')).toBe(used);
  expect(good.requests.slice(seen).filter(({ url }) => url === '/x')).toHaveLength(60);
  expect(await health()).toBe(0);

  well = true;
  await change(gateway, 'target is healthy', label);
  await expect.poll(async () => (await status(gateway), asked('/x'))).toBeGreaterThan(used);
});

test('readiness waits for the first round; a target that was never well gets nothing, added or not', async () => {
  const good = await startOrigin();
  const sick = await startOrigin((request, response) =>
    request.url === '/healthz'
      ? void setTimeout(() => response.writeHead(503).end(), 100)
      : void response.end(),
  );
  const gateway = await startGateway({
    config: config([good.url, sick.url], { health: { active: ACTIVE } }),
  });
  await expect.poll(async () => (await fetch(`${gateway.adminUrl}/readyz`)).status).toBe(200);
  expect(sick.requests.length).toBeGreaterThan(0);
  for (let i = 0; i < 20; i++) expect(await status(gateway)).toBe(200);
  expect(sick.requests.filter(({ url }) => url === '/x')).toEqual([]);

  // A target that comes by a reload is probed before it is used: no request fails meanwhile.
  const added = await startOrigin((request, response) =>
    request.url === '/healthz' ? void setTimeout(() => response.end(), 50) : void response.end(),
  );
  const running = load(gateway);
  const reloaded = await gateway.reload(config([added.url], { health: { active: ACTIVE } }));
  expect(reloaded['msg']).toMatch('applied');
  await expect.poll(() => added.requests.some(({ url }) => url === '/x')).toBe(true);
  expect(new Set(await running.stop())).toEqual(new Set([200]));
  expect(sick.requests.filter(({ url }) => url === '/x')).toEqual([]);
});

test('what is known of targets outlives a reload and a worker', async () => {
  const good = await startOrigin();
  let well = true;
  const bad = await startOrigin((_, response) => response.writeHead(well ? 200 : 500).end());
  const upstream = { health: { active: { ...ACTIVE, interval: '200ms', healthy: 100 } } };
  const gateway = await startGateway({ config: config([good.url, bad.url], upstream), workers: 1 });
  well = false;
  await change(gateway, 'target is unhealthy', `127.0.0.1:${bad.port}`);
  well = true;
  await gateway.reload({ ...config([good.url, bad.url], upstream), drain: '9s' });
  for (let i = 0; i < 10; i++) await status(gateway);
  const [worker] = gateway.workers();
  process.kill(worker!, 'SIGKILL');
  await expect.poll(() => status(gateway).catch(() => 0)).toBe(200);
  for (let i = 0; i < 10; i++) await status(gateway);
  expect(bad.requests.filter(({ url }) => url === '/x')).toEqual([]);
});

test('failures in a row eject a target, for longer each time, and never more than the share', async () => {
  const good = await startOrigin();
  const bad = await startOrigin((_, response) => response.writeHead(503).end());
  const passive = { failures: 3, window: '10s', eject: '1500ms', maxEjected: '50%' };
  const gateway = await startGateway({ config: config([bad.url, good.url], { health: { passive } }) });
  const target = `127.0.0.1:${bad.port}`;
  const running = load(gateway);
  const ejected = (ms: number) =>
    gateway.waitForLine(
      (line) =>
        String(line['msg']).startsWith('target is ejected') && line['target'] === target && line['ms'] === ms,
    );
  await ejected(1_500);
  await change(gateway, 'ejection is over', target);
  await ejected(3_000);
  const statuses = await running.stop();
  // Three for each ejection, and what was under way: without them it were half of all.
  expect(statuses.filter((each) => each === 503).length).toBeLessThan(Math.max(20, statuses.length / 10));
  const before = bad.requests.length;
  expect((await scrape(gateway)).sum('sluice_target_health', { upstream: 'u', target })).toBe(0);
  expect(await Promise.all([status(gateway), status(gateway), status(gateway)])).toEqual([200, 200, 200]);
  expect(bad.requests.length).toBe(before);
});

test('neither clients that leave nor the gateway’s own errors count against a target', async () => {
  const origin = await startOrigin((request, response) => {
    if (request.url === '/slow') return;
    response.end();
  });
  const other = await startOrigin((request, response) => {
    if (request.url === '/slow') return;
    response.end();
  });
  const passive = { failures: 2, window: '10s', eject: '10s', maxEjected: '100%' };
  const gateway = await startGateway({ config: config([origin.url, other.url], { health: { passive } }) });
  for (let i = 0; i < 10; i++)
    await fetch(`${gateway.url}/slow`, { signal: AbortSignal.timeout(30) }).catch(() => undefined);
  await gateway.waitForRequest({ status: 499 });
  expect(await status(gateway)).toBe(200);
  expect(gateway.lines.filter(({ msg }) => String(msg).startsWith('target is ejected'))).toEqual([]);
});

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'one of three origins gets %s under load: out of use soon, and back when it is',
  async (signal) => {
    const ports = [await freePort(), await freePort(), await freePort()];
    const [first] = await Promise.all(ports.map(startProcess));
    const gateway = await startGateway({
      config: config(ports.map(urlOf), {
        timeouts: { connect: '2s', firstByte: '2s', request: '20s' },
        health: {
          active: { ...ACTIVE, timeout: '1s' },
          passive: { failures: 3, window: '10s', eject: '1s' },
        },
        slowStart: '500ms',
      }),
    });
    const target = `127.0.0.1:${ports[0]}`;
    const running = load(gateway);
    await sleep(300);
    first!.kill(signal);
    await change(gateway, 'target is unhealthy', target);
    const before = await running.stop();
    expect(before.filter((each) => each !== 200).length).toBeLessThan(25);
    // What was under way when it was found out has ended by now.
    await sleep(PAUSE);
    const after = load(gateway);
    await sleep(500);
    if (signal === 'SIGSTOP') first!.kill('SIGCONT');
    else await startProcess(ports[0]!);
    await change(gateway, 'target is healthy', target);
    await sleep(1_000);
    expect((await after.stop()).filter((each) => each !== 200)).toEqual([]);
    const from = gateway.lines.length;
    await Promise.all(Array.from({ length: 90 }, () => status(gateway)));
    await expect
      .poll(() => gateway.lines.slice(from).filter((line) => line['target'] === target).length)
      .toBeGreaterThan(20);
  },
);
