import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { atEnd } from '../support/cleanup.ts';
import { freePort } from '../support/ports.ts';
import { RedisServer, startRedis } from '../support/redis.ts';
import { allowed, connected, openLimits, rule, takes } from './redis-support.ts';

test('a Redis Cluster: keys spread over its nodes, each limit exact, and leases too', async () => {
  const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000'];
  const nodes = [await startRedis({ args }), await startRedis({ args }), await startRedis({ args })];
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  execFileSync('redis-cli', ['--cluster', 'create', ...addresses, '--cluster-yes'], { stdio: 'ignore' });
  await expect
    .poll(() => nodes.every((node) => node.cli('cluster', 'info').includes('cluster_state:ok')))
    .toBe(true);

  const keys = { cluster: true, urls: nodes.map(({ url }) => url), timeout: '1000ms' };
  const stores = [openLimits(keys), openLimits({ ...keys, urls: undefined, url: nodes[2]!.url })];
  await Promise.all(stores.map(connected));
  for (const exact of [true, false]) {
    const id = `r/${exact ? 'exact' : 'leased'}`;
    const buckets = stores.map(({ store }) => store.bucket(rule({ id, exact, periodMs: 3_600_000 })));
    for (let k = 0; k < 30; k++) {
      const verdicts = await takes(24, (i) => buckets[i % 2]!.take(`k{${k}}}`, 1));
      // A lease may hold a token or two that the other process would have wanted.
      expect(allowed(verdicts)).toBeGreaterThanOrEqual(exact ? 10 : 7);
      expect(allowed(verdicts)).toBeLessThanOrEqual(10);
    }
  }
  for (const node of nodes) expect(Number(node.cli('dbsize'))).toBeGreaterThan(5);
  expect(stores.map(({ told }) => told)).toEqual([[], []]);
});

test('Redis Sentinel: the master dies, and limits go on with the next one by themselves', async () => {
  const master = await startRedis();
  const replica = await startRedis({
    args: ['--replicaof', '127.0.0.1', `${master.port}`, '--repl-diskless-sync-delay', '0'],
  });
  await expect.poll(() => replica.cli('info', 'replication')).toContain('master_link_status:up');
  const sentinel = await startSentinel(master.port);
  await expect.poll(() => sentinel.cli('sentinel', 'replicas', 'main')).toContain(`${replica.port}`);

  const limits = openLimits({
    sentinel: { name: 'main', urls: [`redis://127.0.0.1:${sentinel.port}`] },
    timeout: '500ms',
  });
  await connected(limits);
  const bucket = limits.store.bucket(rule({ amount: 5, periodMs: 3_600_000 }));
  expect(allowed(await takes(8, () => bucket.take('k', 1)))).toBe(5);
  await expect.poll(() => replica.cli('exists', 'sluice:t:{r/l:k}')).toBe('1');

  await master.kill();
  await expect.poll(() => limits.told, { timeout: 20_000 }).toEqual([expect.any(String), null]);
  expect(replica.cli('info', 'replication')).toContain('role:master');
  // The replica knew what had been taken.
  expect(allowed(await takes(8, () => bucket.take('k', 1)))).toBe(0);
});

async function startSentinel(master: number): Promise<RedisServer> {
  const port = await freePort();
  const folder = new RedisServer(port).folder;
  const file = join(folder, 'sentinel.conf');
  writeFileSync(
    file,
    `port ${port}
bind 127.0.0.1
dir ${folder}
sentinel monitor main 127.0.0.1 ${master} 1
sentinel down-after-milliseconds main 400
sentinel failover-timeout main 2000
`,
  );
  const sentinel = await startRedis({ port, sentinel: true, file });
  atEnd(() => sentinel.remove());
  return sentinel;
}
