import { expect, test } from 'vitest';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { startRedis } from '../support/redis.ts';

const config = (url: string) => ({
  version: 1,
  // A timeout that no stall of the machine reaches: each trouble is told once, and must be a real one.
  store: { kind: 'redis', url, nodes: 2, timeout: '1s' },
  routes: [{ id: 'all', match: { paths: ['/*'] }, respond: { body: 'x' } }],
});

async function gauge(gateway: Gateway, name: string): Promise<number> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? NaN);
}

/** What the limits say; the primary, which asks Redis for other things, may have something to say as well. */
const told = ({ lines }: Gateway) =>
  lines.flatMap(({ msg }) => (/limit/.test(String(msg)) ? [String(msg)] : []));

test('a node that loses Redis and has it again: a gauge of 1, whatever the workers, and one line for each', async () => {
  const redis = await startRedis();
  const gateway = await startGateway({ config: config(redis.url), workers: 2 });
  await expect.poll(() => gauge(gateway, 'sluice_limit_store_degraded')).toBe(0);
  expect(redis.cli('zcard', 'sluice:nodes')).toBe('2');
  redis.freeze();
  await expect.poll(() => gauge(gateway, 'sluice_limit_store_degraded')).toBe(1);
  expect((await fetch(gateway.url)).status).toBe(200);
  redis.thaw();
  await expect.poll(() => gauge(gateway, 'sluice_limit_store_degraded')).toBe(0);
  expect(told(gateway)).toEqual([
    'Redis cannot be asked: this node enforces its part of every limit',
    'limits are counted in Redis again',
  ]);
});

test('a gateway starts and serves without its Redis, and says why and no password', async () => {
  const gateway = await startGateway({ config: config('redis://:geheim@127.0.0.1:1'), workers: 2 });
  expect((await fetch(gateway.url)).status).toBe(200);
  const line = await gateway.waitForLine(({ msg }) => /Redis cannot be asked/.test(String(msg)));
  expect(line['reason']).toBe('ECONNREFUSED');
  expect(gateway.output).not.toContain('geheim');
});
