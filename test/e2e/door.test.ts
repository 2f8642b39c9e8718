import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import type { Gateway } from '../support/gateway.ts';
import { startOrigin } from '../support/origin.ts';
import { connect } from '../support/raw.ts';
import { EDGES, startProxy, type EdgeKind } from './proxying.ts';

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

async function start(edge: EdgeKind, limits: object, rest: object = {}): Promise<Gateway> {
  const origin = await startOrigin((request, response) => {
    request.resume();
    response.end('x'.repeat(200_000));
  });
  return startProxy(edge, {
    workers: 2,
    limits,
    upstreams: [{ id: 'o', targets: [{ url: origin.url }] }],
    routes: [{ id: 'all', match: { paths: ['/*'] }, upstream: 'o' }],
    ...rest,
  });
}

/** Status of one request on a new connection; 0 = closed without a word. */
async function ask({ port }: Gateway, from: string): Promise<number> {
  try {
    using client = await connect(port, { from });
    await client.send(GET);
    return (await client.reply()).status;
  } catch {
    return 0;
  }
}

describe.each(EDGES)('the door of the %s edge', (edge) => {
  test('connectionsPerIp: one address cannot hold more, over all workers; others come in', async () => {
    const gateway = await start(edge, { connectionsPerIp: 5 });
    const held = await Promise.all(
      Array.from({ length: 5 }, () => connect(gateway.port, { from: '127.0.0.9' })),
    );
    for (const client of held) {
      await client.send(GET);
      expect((await client.reply()).status).toBe(200);
    }
    // Once each worker has asked the kernel, all of them know of the five.
    const six = async () => {
      const statuses = [];
      for (let i = 0; i < 6; i++) statuses.push(await ask(gateway, '127.0.0.9'));
      return statuses;
    };
    await expect.poll(six, { interval: 500 }).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await ask(gateway, '127.0.0.2')).toBe(200);
    for (const client of held) {
      await client.send(GET);
      expect((await client.reply()).status).toBe(200);
      client.destroy();
    }
    await expect.poll(() => ask(gateway, '127.0.0.9'), { interval: 200 }).toBe(200);
  });

  test('connectionsPerIp: trusted proxies may hold as many as they like', async () => {
    const gateway = await start(edge, { connectionsPerIp: 1 }, { trustedProxies: ['127.0.0.9/32'] });
    const held = await Promise.all(
      Array.from({ length: 4 }, () => connect(gateway.port, { from: '127.0.0.9' })),
    );
    await pause(1_500);
    for (const client of held) {
      await client.send(GET);
      expect((await client.reply()).status).toBe(200);
    }
  });
});

test.each(EDGES)(
  'requestsPerIp on the %s edge: who asks too much is banned on every worker, for a while',
  async (edge) => {
    const requestsPerIp = { rate: '20/s', ban: '5s' };
    const gateway = await start(edge, { requestsPerIp });
    using client = await connect(gateway.port, { from: '127.0.0.9' });
    let reply;
    do {
      await client.send(GET);
      reply = await client.reply();
    } while (reply.status === 200);
    expect(reply.status).toBe(429);
    expect(Number(reply.get('retry-after'))).toBe(5);
    expect(reply.get('content-type')).toBe('application/problem+json');
    await client.untilClosed();
    await expect.poll(() => ask(gateway, '127.0.0.9'), { interval: 50 }).toBe(0);
    expect(await ask(gateway, '127.0.0.2')).toBe(200);
    await expect.poll(() => ask(gateway, '127.0.0.9'), { interval: 250 }).toBe(200);
  },
);

/** Three attacks of slowhttptest: many connections that send, or read, as slowly as can be. */
const ATTACKS = {
  'slow headers': ['-H', '-i', '1'],
  'slow body': ['-B', '-i', '1', '-s', '8192'],
  'slow read': ['-X', '-w', '1', '-y', '8', '-n', '1', '-z', '4'],
};

describe.each(EDGES)('slow clients at the %s edge', (edge) => {
  test.each(Object.entries(ATTACKS))('%s: normal traffic from elsewhere is untouched', async (_, flags) => {
    const limits = { connectionsPerIp: 40, headerTimeout: '4s', bodyTimeout: '4s', idleTimeout: '8s' };
    const gateway = await start(edge, limits);
    const attack = spawn(
      'slowhttptest',
      [...flags, '-c', '300', '-r', '300', '-l', '6', '-p', '3', '-u', `${gateway.url}/`],
      { stdio: 'ignore' },
    );
    atEnd(() => void attack.kill('SIGKILL'));
    const over = once(attack, 'exit');
    let running = true;
    void over.then(() => (running = false));
    const statuses: number[] = [];
    const times: number[] = [];
    while (running) {
      const began = performance.now();
      statuses.push(await ask(gateway, '127.0.0.2'));
      times.push(performance.now() - began);
      await pause(50);
    }
    expect(statuses.length).toBeGreaterThan(10);
    expect(new Set(statuses)).toEqual(new Set([200]));
    // Far below any time-out that an attacker could hold a worker for, and with room for a busy machine.
    expect(times.sort((a, b) => a - b)[Math.floor(times.length / 2)]).toBeLessThan(1_000);
    const metrics = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
    const turned = /^sluice_refused_at_door_total\{what="connection"\} (\d+)/m.exec(metrics)?.[1];
    expect(Number(turned)).toBeGreaterThan(0);
  });
});
