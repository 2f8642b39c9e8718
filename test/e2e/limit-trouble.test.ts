import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { connect } from '../support/raw.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';
import { metric } from './proxying.ts';

/** What a client waits for Redis at most, and what a busy machine adds. */
const BUDGET = 50;
const BUSY = 150;

const config = (redis: RedisServer) => ({
  version: 1,
  store: { kind: 'redis', url: redis.url, nodes: 2 },
  log: { access: false },
  routes: [
    {
      id: 'all',
      match: { paths: ['/*'] },
      respond: { body: 'x' },
      policies: { limit: { by: 'global', rate: '100000/s', precision: 'exact', name: 'all' } },
    },
  ],
});

interface Asked {
  readonly began: number;
  readonly took: number;
  readonly status: number;
}

/** Clients that ask all gateways one request after the other, until the test ends. */
async function load(gateways: readonly Gateway[]): Promise<Asked[]> {
  const asked: Asked[] = [];
  let over = false;
  const clients = await Promise.all([...gateways, ...gateways, ...gateways].map(({ port }) => connect(port)));
  const runs = clients.map(async (client) => {
    while (!over) {
      const began = performance.now();
      await client.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      const { status } = await client.reply();
      asked.push({ began, took: performance.now() - began, status });
      await pause(4);
    }
  });
  atEnd(async () => {
    over = true;
    await Promise.allSettled(runs);
  });
  return asked;
}

/** The wait that all but one in a hundred stay below, of those who asked in this span of time. */
function p99(asked: readonly Asked[], from: number, to: number): number {
  const waits = asked.filter(({ began }) => began >= from && began < to).map(({ took }) => took);
  expect(waits.length).toBeGreaterThan(20);
  return waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.99)] ?? NaN;
}

const told = ({ lines }: Gateway) =>
  lines.flatMap(({ msg }) =>
    /counted in Redis|Redis cannot be asked/.test(String(msg)) ? [String(msg)] : [],
  );

const TROUBLES = [
  { what: 'frozen', begin: (r: RedisServer) => r.freeze(), end: (r: RedisServer) => r.thaw() },
  { what: 'killed', begin: (r: RedisServer) => r.kill(), end: (r: RedisServer) => r.start() },
  {
    what: 'slow',
    begin: (r: RedisServer) => r.cli('client', 'pause', '2500', 'all'),
    end: () => pause(500),
  },
] as const;

test.each(TROUBLES)(
  'Redis is $what under load: nobody sees an error or waits long, and within a second all is as fast as before',
  async ({ begin, end }) => {
    const redis = await startRedis();
    const gateways = await Promise.all([1, 2].map(() => startGateway({ config: config(redis), workers: 2 })));
    await expect.poll(() => redis.cli('zcard', 'sluice:nodes')).toBe('4');
    const degraded = () => Promise.all(gateways.map((each) => metric(each, 'sluice_limit_store_degraded')));
    const operations = async () =>
      Promise.all(gateways.map((each) => metric(each, 'sluice_limit_store_operations_total')));
    const asked = await load(gateways);
    const start = performance.now();
    await pause(800);
    const began = performance.now();
    await begin(redis);
    await pause(2_000);
    const ended = performance.now();
    expect(await degraded()).toEqual([1, 1]);
    const before = await operations();
    await end(redis);
    await expect.poll(degraded).toEqual([0, 0]);
    await expect.poll(async () => (await operations()).every((now, i) => now > (before[i] ?? 0))).toBe(true);
    expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([200]));
    expect(Math.max(...asked.map(({ took }) => took))).toBeLessThan(BUDGET + BUSY);
    const usual = p99(asked, start, began);
    expect(p99(asked, began + 1_000, ended)).toBeLessThan(Math.max(3 * usual, 25));
    for (const gateway of gateways)
      expect(told(gateway)).toEqual([
        'Redis cannot be asked: this node enforces its part of every limit',
        'limits are counted in Redis again',
      ]);
  },
);
