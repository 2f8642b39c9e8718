import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
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

/** Clients that ask all gateways one request after the other, until `stop`. */
async function load(gateways: readonly Gateway[]): Promise<{ asked: Asked[]; stop: () => Promise<unknown> }> {
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
  const stop = () => {
    over = true;
    return Promise.all(runs);
  };
  return { asked, stop };
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
    begin: (r: RedisServer) => r.cli('client', 'pause', '4000', 'all'),
    end: () => pause(2_000),
  },
] as const;

/** What was seen of one trouble: waits in milliseconds, and what was told. */
interface Seen {
  readonly longest: number;
  readonly before: number;
  readonly during: number;
  readonly told: readonly string[][];
}

async function go({ begin, end }: (typeof TROUBLES)[number]): Promise<Seen> {
  const redis = await startRedis();
  const gateways = await Promise.all([1, 2].map(() => startGateway({ config: config(redis), workers: 2 })));
  await expect.poll(() => redis.cli('zcard', 'sluice:nodes')).toBe('4');
  const degraded = () => Promise.all(gateways.map((each) => metric(each, 'sluice_limit_store_degraded')));
  const operations = async () =>
    Promise.all(gateways.map((each) => metric(each, 'sluice_limit_store_operations_total')));
  const { asked, stop } = await load(gateways);
  const start = performance.now();
  await pause(800);
  const began = performance.now();
  await begin(redis);
  await pause(2_000);
  const ended = performance.now();
  await expect.poll(degraded).toEqual([1, 1]);
  const before = await operations();
  await end(redis);
  await expect.poll(degraded).toEqual([0, 0]);
  await expect.poll(async () => (await operations()).every((now, i) => now > (before[i] ?? 0))).toBe(true);
  await stop();
  for (const gateway of gateways) await gateway.kill();
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([200]));
  return {
    longest: Math.max(...asked.map(({ took }) => took)),
    before: p99(asked, start, began),
    during: p99(asked, began + 1_000, ended),
    told: gateways.map(told),
  };
}

const isQuick = ({ longest, before, during, told }: Seen): boolean =>
  longest < BUDGET + BUSY && during < Math.max(3 * before, 25) && told.every(({ length }) => length === 2);

test.each(TROUBLES)(
  'Redis is $what under load: nobody sees an error or waits long, and within a second all is as fast as before',
  async (trouble) => {
    let seen = await go(trouble);
    // The best of three: a stall of the machine looks like one of Redis, or of the gateway.
    for (let turn = 1; turn < 3 && !isQuick(seen); turn++) seen = await go(trouble);
    expect(seen.longest).toBeLessThan(BUDGET + BUSY);
    expect(seen.during).toBeLessThan(Math.max(3 * seen.before, 25));
    const twice = [
      'Redis cannot be asked: this node enforces its part of every limit',
      'limits are counted in Redis again',
    ];
    expect(seen.told).toEqual([twice, twice]);
  },
  90_000,
);
