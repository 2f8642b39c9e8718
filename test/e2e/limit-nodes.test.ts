import { expect, test } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startRedis, type RedisServer } from '../support/redis.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';

const NODES = 4;
const LIMIT = 200;

interface Options {
  /** Default: so long that nobody gives Redis up: it and nine processes share the cores, and what is measured is accuracy. */
  readonly timeout?: string;
  readonly limit?: number;
  /** Ports at which the gateways find Redis; default its own. */
  readonly ports?: (redis: RedisServer) => Promise<readonly number[]>;
}

const config = (port: number, precision: string, { timeout = '1000ms', limit = LIMIT }: Options) => ({
  version: 1,
  store: { kind: 'redis', url: `redis://127.0.0.1:${port}`, nodes: NODES, timeout },
  log: { access: false },
  routes: [
    {
      id: 'all',
      match: { paths: ['/*'] },
      respond: { body: 'x' },
      policies: {
        limit: [{ by: 'global', rate: `${limit}/h`, algorithm: 'fixed-window', precision, name: 'shared' }],
      },
    },
  ],
});

async function start(precision: string, options: Options = {}) {
  const redis = await startRedis();
  const ports = (await options.ports?.(redis)) ?? [];
  const gateways = await Promise.all(
    Array.from({ length: NODES }, (_, i) =>
      startGateway({ config: config(ports[i] ?? redis.port, precision, options), workers: 2 }),
    ),
  );
  await expect.poll(() => redis.cli('zcard', 'sluice:nodes')).toBe(`${NODES * 2}`);
  return { redis, gateways };
}

/**
 * Sends requests, half of them to the first gateway and ever fewer to the others, on many connections.
 * @param answered Told after each how many were answered.
 */
async function flood(
  gateways: readonly Gateway[],
  requests: number,
  answered: (count: number) => void = () => undefined,
): Promise<number[]> {
  const statuses: number[] = [];
  let left = requests;
  const client = async (seed: number) => {
    for (let i = seed; left-- > 0; i++) {
      const skewed = [0, 0, 0, 0, 1, 1, 2, 3][i % 8]!;
      const reply = await fetch(gateways[skewed]!.url, {
        headers: { connection: i % 5 === 0 ? 'close' : 'keep-alive' },
      });
      await reply.arrayBuffer();
      answered(statuses.push(reply.status));
    }
  };
  await Promise.all(Array.from({ length: 24 }, (_, i) => client(i)));
  return statuses;
}

const count = (statuses: readonly number[], status: number) =>
  statuses.filter((each) => each === status).length;

/** Whether one of them gave Redis up for a moment, as they must when the machine stalls for longer than their timeout. */
const gaveUp = (gateways: readonly Gateway[]) =>
  gateways.some(({ lines }) => lines.some(({ msg }) => String(msg).startsWith('Redis cannot be asked')));

test('exact: four nodes with two workers each admit exactly the limit under skewed load', async () => {
  let { gateways } = await start('exact');
  let statuses = await flood(gateways, 3 * LIMIT);
  for (let turn = 1; turn < 3 && gaveUp(gateways); turn++) {
    ({ gateways } = await start('exact'));
    statuses = await flood(gateways, 3 * LIMIT);
  }
  expect(count(statuses, 200)).toBe(LIMIT);
  expect(count(statuses, 429)).toBe(2 * LIMIT);
}, 90_000);

test('leased: never more, and what was refused early is there when the leases have ended', async () => {
  const { gateways } = await start('leased');
  const first = count(await flood(gateways, 3 * LIMIT), 200);
  expect(first).toBeLessThanOrEqual(LIMIT);
  expect(first).toBeGreaterThanOrEqual(LIMIT * 0.75);
  let admitted = first;
  for (let round = 0; round < 6 && admitted < LIMIT; round++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    admitted += count(await flood(gateways, LIMIT), 200);
  }
  expect(admitted).toBe(LIMIT);
}, 90_000);

test.each(['exact', 'leased'])(
  '%s: Redis freezes under load: no error, and with what passed before no more than the limit over all nodes',
  async (precision) => {
    const limit = 2 * LIMIT;
    const { redis, gateways } = await start(precision, { timeout: '300ms', limit });
    const statuses = await flood(gateways, 5 * limit, (count) => {
      if (count === limit / 4) redis.freeze();
    });
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(count(statuses, 200)).toBeLessThanOrEqual(limit);
    // Most of the load is on one node, and that keeps to its part.
    expect(count(statuses, 200)).toBeGreaterThan(limit / 2);
    redis.thaw();
  },
  90_000,
);

test('one node of four is cut off under load: at most a quarter of the limit on top, and it counts when it is back', async () => {
  let network: TcpProxy | null = null;
  const ports = async ({ port }: RedisServer) => {
    network = await startTcpProxy(port);
    return [port, port, port, network.port];
  };
  const { gateways } = await start('exact', { ports });
  const cut = gateways.at(-1)!;
  const statuses = await flood(gateways, LIMIT / 2, (count) => {
    if (count === LIMIT / 4) network!.cut();
  });
  // The others go on, and use up the whole limit; the one that was cut off uses its part.
  statuses.push(...(await flood([...gateways.slice(0, 3), gateways[0]!], 3 * LIMIT)));
  statuses.push(...(await flood([cut, cut, cut, cut], LIMIT)));
  expect(new Set(statuses)).toEqual(new Set([200, 429]));
  expect(count(statuses, 200)).toBeLessThanOrEqual(LIMIT * (1 + 1 / NODES));
  expect(count(statuses, 200)).toBeGreaterThan(LIMIT);
  network!.heal();
  const healed = await cut.waitForLine(({ msg }) => msg === 'limits are counted in Redis again', 10_000);
  expect(healed['level']).toBe('info');
  expect(count(await flood(gateways, LIMIT / 2), 200)).toBe(0);
}, 90_000);
