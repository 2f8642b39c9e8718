import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo, Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { freePort } from '../support/ports.ts';
import { CONFIG, endNodes, get, startNode } from './node.ts';

const servers: Server[] = [];

afterEach(async () => {
  await endNodes();
  for (const server of servers.splice(0)) server.close();
});

/** Wishes to the stub workers are ids of upstreams. */
const withWish = (wish: string): string =>
  `${CONFIG}upstreams: [{ id: ${wish}, targets: [{ url: "http://127.0.0.1:1" }] }]\n`;

async function takenPort(): Promise<number> {
  const server = createServer();
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** `slot pid generation` of the workers that answer. */
async function workersSeen(http: string): Promise<Map<number, number>> {
  const pids = new Map<number, number>();
  while (pids.size < 2) {
    const [slot, pid] = (await get(http)).text.split(' ').map(Number);
    pids.set(slot!, pid!);
  }
  return pids;
}

/** A process that nobody has reaped yet is gone too. */
const isAlive = (pid: number): boolean => {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};

const held = (http: string) => fetch(`${http}/hold`).then((reply) => reply.text());

test('one listening event tells where and what; probes and metrics answer', async () => {
  const node = startNode();
  const { http, admin } = await node.addresses();
  expect(node.lines).toHaveLength(1);
  expect(node.lines[0]).toMatchObject({ level: 'info', workers: 2, edge: 'node', pid: node.child.pid });
  expect((await workersSeen(http)).size).toBe(2);
  expect(await get(`${admin}/livez`)).toMatchObject({ status: 200, text: '{"status":"live"}' });
  const ready = await get(`${admin}/readyz`);
  expect(ready.status).toBe(200);
  expect(JSON.parse(ready.text)).toEqual({ status: 'ready', generation: 1, workers: [1, 1] });

  const { text, type } = await get(`${admin}/metrics`);
  expect(type).toContain('text/plain; version=0.0.4');
  expect(text).toMatch(/^sluice_config_generation 1$/m);
  expect(text).toMatch(/^sluice_config_applied\{worker="1"\} 1$/m);
  expect(text).toMatch(/^sluice_worker_restarts_total 0$/m);
  expect(text).toMatch(/^sluice_build_info\{version="[\d.]+",node="v[\d.]+",edge="node"\} 1$/m);
});

test('mistakes in the file end the start, each on its line', async () => {
  const node = startNode('version: 1\nrutes: []\nworkers: many\n');
  expect(await node.exited).toEqual({ code: 1, signal: null });
  expect(node.lines).toEqual([]);
  expect(node.stderr).toMatch(/^\S+gateway\.yaml:2:1 \S+: .*\n\S+gateway\.yaml:3:10 workers: .*\n$/);
});

test.each([
  ['http', (port: number) => CONFIG.replace('port: 0, edge', `port: ${port}, edge`)],
  ['admin', (port: number) => CONFIG.replace('admin: { port: 0', `admin: { port: ${port}`)],
])('a taken %s port ends the start with one line', async (_, config) => {
  const port = await takenPort();
  const node = startNode(config(port));
  expect((await node.exited).code).toBe(1);
  expect(node.stderr).toBe(`cannot listen on 127.0.0.1:${port}: the port is in use\n`);
});

test('a configuration that workers refuse at the start ends it with one line', async () => {
  const node = startNode(withWish('refuse'));
  expect((await node.exited).code).toBe(1);
  expect(node.stderr).toMatch(/^the configuration cannot be served: worker \d refuses it: no such thing\n$/);
});

test('workers that cannot open the port end the start with one line', async () => {
  const node = startNode(withWish('deaf'));
  expect((await node.exited).code).toBe(1);
  expect(node.stderr).toBe('cannot listen on 127.0.0.1\n');
});

test('a signal while the node starts ends it well', async () => {
  const port = await freePort();
  const node = startNode(withWish('hang_0_3000').replace('admin: { port: 0', `admin: { port: ${port}`));
  while ((await get(`http://127.0.0.1:${port}/readyz`).catch(() => null))?.status !== 503);
  node.signal('SIGTERM');
  expect(await node.exited).toEqual({ code: 0, signal: null });
  expect(node.stderr).toBe('');
  expect(node.lines.map(({ msg }) => msg)).toEqual(['draining', 'drained']);
});

test('a bug in the primary is logged, drains and gives exit code 1', async () => {
  const node = startNode();
  const { http } = await node.addresses();
  const running = held(http);
  await workersSeen(http);
  node.signal('SIGUSR2');
  expect(await running).toBe('finished');
  expect((await node.exited).code).toBe(1);
  expect(await node.said('internal error in the primary')).toMatchObject({
    level: 'fatal',
    err: { message: 'a bug', stack: expect.stringContaining('run-primary.mjs') as unknown },
  });
});

test('a killed worker is replaced, counted, and serves what the others serve', async () => {
  const node = startNode();
  const { http, admin } = await node.addresses();
  const before = await workersSeen(http);
  node.write(`${CONFIG}drain: 7s\n`);
  await node.said('configuration applied');
  process.kill(before.get(1)!, 'SIGKILL');
  await node.said('worker died');
  for (;;) {
    const { status, workers } = JSON.parse((await get(`${admin}/readyz`)).text) as Record<string, unknown>;
    expect(status).toBe('ready');
    if (JSON.stringify(workers) === '[2,2]') break;
  }
  expect((await workersSeen(http)).get(1)).not.toBe(before.get(1));
  expect((await get(`${admin}/metrics`)).text).toMatch(/^sluice_worker_restarts_total 1$/m);
});

test('SIGHUP and a changed file reload; a bad file changes nothing', async () => {
  const node = startNode();
  const { http } = await node.addresses();
  node.signal('SIGHUP');
  await node.said('configuration is unchanged');
  node.write(`${CONFIG}drain: 7s\n`);
  await node.said('configuration applied', ({ generation }) => generation === 2);
  node.write('version: 3\n');
  await node.said('configuration refused: the old one goes on');
  expect((await get(http)).text.split(' ')[2]).toBe('2');
});

test('SIGTERM drains: readiness turns, listeners close after the delay, what runs finishes, exit 0', async () => {
  const node = startNode(`${CONFIG}drainDelay: 2500ms\n`);
  const { http, admin } = await node.addresses();
  const [first, second] = [held(http), held(http)];
  await workersSeen(http);
  node.signal('SIGTERM');
  await node.said('draining');
  const ready = await get(`${admin}/readyz`);
  expect(ready.status).toBe(503);
  expect(JSON.parse(ready.text)).toMatchObject({ status: 'draining' });
  expect((await get(http)).status).toBe(200);
  expect(await Promise.all([first, second])).toEqual(['finished', 'finished']);
  expect(await node.exited).toEqual({ code: 0, signal: null });
  expect(node.lines.map(({ msg }) => msg)).toEqual(['listening', 'draining', 'drained']);
});

test('a signal to the whole process group, as Ctrl-C gives, drains as well', async () => {
  const node = startNode();
  const { http } = await node.addresses();
  const running = held(http);
  await workersSeen(http);
  node.signal('SIGINT', 'group');
  expect(await running).toBe('finished');
  expect(await node.exited).toEqual({ code: 0, signal: null });
});

test('what does not finish within the drain time is cut, and the node still ends well', async () => {
  const node = startNode(`${withWish('stuck')}drain: 300ms\n`);
  const { http } = await node.addresses();
  const running = held(http).catch(() => 'cut');
  await workersSeen(http);
  node.signal('SIGTERM');
  expect(await running).toBe('cut');
  expect(await node.exited).toEqual({ code: 0, signal: null });
});

test('a second signal ends everything at once', async () => {
  const node = startNode(`${withWish('stuck')}drain: 1h\n`);
  const { http } = await node.addresses();
  const running = held(http).catch(() => 'cut');
  const workers = await workersSeen(http);
  node.signal('SIGTERM');
  await node.said('draining');
  node.signal('SIGINT');
  expect(await node.exited).toEqual({ code: 130, signal: null });
  expect(await running).toBe('cut');
  await allGone(workers.values());
});

test('workers end with a primary that is killed', async () => {
  const node = startNode();
  const { http } = await node.addresses();
  const workers = await workersSeen(http);
  node.signal('SIGKILL');
  await allGone(workers.values());
});

test('a stopped worker neither fails nor delays probes and metrics', async () => {
  const node = startNode();
  const { http, admin } = await node.addresses();
  for (const pid of (await workersSeen(http)).values()) process.kill(pid, 'SIGSTOP');
  const startedAt = performance.now();
  for (const path of ['livez', 'readyz', 'metrics']) expect((await get(`${admin}/${path}`)).status).toBe(200);
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

async function allGone(pids: Iterable<number>): Promise<void> {
  for (const pid of pids) while (isAlive(pid)) await new Promise(setImmediate);
}
