import { expect, test } from 'vitest';
import { loadText } from '../../src/config/load.ts';
import type { StoreConfig } from '../../src/contracts/store.ts';
import { connectRedis, reasonOf, type RedisClient } from '../../src/stores/redis.ts';
import { createAuthority } from '../support/certs.ts';
import { atEnd } from '../support/cleanup.ts';
import { startRedis } from '../support/redis.ts';

/** The `store` of a configuration with these keys, as the gateway would have it. */
function storeOf(keys: object): StoreConfig {
  const loaded = loadText(JSON.stringify({ version: 1, store: { kind: 'redis', ...keys } }), 'a.yaml', {
    env: {},
  });
  if (!loaded.ok) throw new Error(loaded.mistakes.map(({ message }) => message).join());
  return loaded.config.store;
}

function connect(keys: object, troubles: string[] = []): RedisClient {
  const client = connectRedis(storeOf(keys), {
    name: 'test',
    timeout: 2_000,
    trouble: (why) => troubles.push(why),
  });
  atEnd(() => client.disconnect());
  return client;
}

/** (`once` would fail with the first try that is refused.) */
async function ready(client: RedisClient): Promise<RedisClient> {
  if (client.status !== 'ready') await new Promise<void>((resolve) => client.once('ready', () => resolve()));
  return client;
}

test('TLS with a checked certificate, a client certificate and a password', async () => {
  const authority = await createAuthority();
  const [server, own] = [await authority.issue('127.0.0.1'), await authority.issue('gateway')];
  const redis = await startRedis({
    tls: true,
    args: [
      ...['--requirepass', 'geheim', '--tls-ca-cert-file', authority.certFile],
      ...['--tls-cert-file', server.certFile, '--tls-key-file', server.keyFile],
    ],
  });
  const tls = { ca: authority.cert, cert: own.cert, key: own.key };
  const client = await ready(connect({ url: redis.url, password: 'geheim', tls }));
  expect(await client.set('a', '1')).toBe('OK');

  const troubles: string[] = [];
  const stranger = connect(
    { url: redis.url, password: 'geheim', tls: { cert: own.cert, key: own.key } },
    troubles,
  );
  await expect.poll(() => troubles.length).toBeGreaterThan(0);
  expect(stranger.status).not.toBe('ready');
  expect(troubles[0]).toMatch(/CERT|VERIFY/);
});

test('a wrong password is told without the password, and a right one connects', async () => {
  const redis = await startRedis({ args: ['--requirepass', 'geheim'], cli: ['-a', 'geheim'] });
  const troubles: string[] = [];
  const client = connect({ url: redis.url.replace('//', '//:falsch@') }, troubles);
  await expect.poll(() => troubles[0]).toBe('WRONGPASS');
  await expect(client.get('a')).rejects.toThrow();
  redis.cli('config', 'set', 'requirepass', 'falsch');
  await ready(client);
  expect(await client.get('a')).toBe(null);
});

test('what is asked of a Redis that is frozen or gone fails in time, and it comes back by itself', async () => {
  const redis = await startRedis();
  const client = await ready(connect({ url: redis.url }));
  redis.freeze();
  let since = performance.now();
  await expect(client.incr('a')).rejects.toThrow();
  expect(performance.now() - since).toBeLessThan(10_000);
  redis.thaw();
  await redis.kill();
  await expect.poll(() => client.status).not.toBe('ready');
  since = performance.now();
  // At once, and not when its time is over.
  await expect(client.incr('a')).rejects.toThrow();
  expect(performance.now() - since).toBeLessThan(1_900);
  await redis.start();
  await ready(client);
  expect(await client.incr('a')).toBe(1);
});

test('reasons are codes', () => {
  expect(
    reasonOf(Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:6379'), { code: 'ECONNREFUSED' })),
  ).toBe('ECONNREFUSED');
  expect(reasonOf(new Error("OOM command not allowed when used memory > 'maxmemory'."))).toBe('OOM');
  expect(reasonOf(new Error('Command timed out'))).toBe('timeout');
  expect(reasonOf(new Error('something with a password'))).toBe('connection lost');
});
