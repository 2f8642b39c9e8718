import { createRequire } from 'node:module';
import type { ConnectionOptions } from 'node:tls';
import type * as Package from 'ioredis';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import type { StoreConfig } from '../contracts/store.ts';
import { parseRedisUrl, type RedisUrl } from './redis-url.ts';

/** A connection to whatever the configuration names: one server, a cluster, or the master that sentinels tell of. */
export type RedisClient = Redis | Cluster;

export interface RedisNeeds {
  /** Shown in `CLIENT LIST`: what the connection is for. */
  readonly name: string;
  /** Longest wait for a reply in milliseconds; null = the caller watches the clock itself. */
  readonly timeout: number | null;
  /** Is told why the connection does not stand or fell, in words without address or secret; again with every try. */
  readonly trouble: (reason: string) => void;
}

/** Without the one option whose type and `exactOptionalPropertyTypes` do not agree. */
type Options = Omit<RedisOptions, 'replyMapping'>;

/** Silence in milliseconds after which a connection that owes replies is given up and made again. */
const SILENCE = 2_000;
const CONNECT = 2_000;

/**
 * Connects to Redis, in the background and for ever: what is asked while the connection does not stand fails at once,
 * and what was asked when it fell fails and is not asked again (a take must not be counted twice). Commands of one
 * turn of the event loop go out in one write. Close it with `disconnect()`.
 * @param config `kind` redis, with addresses that `check` found good.
 */
export function connectRedis(config: StoreConfig, needs: RedisNeeds): RedisClient {
  // Loaded where it is needed: it takes a gateway without Redis longer to start than all of its own code.
  const ioredis = createRequire(import.meta.url)('ioredis') as typeof Package;
  const client = config.cluster
    ? toCluster(ioredis, config, needs)
    : new ioredis.Redis(toServer(config, needs));
  client.on('error', (error: unknown) => needs.trouble(reasonOf(error)));
  return client;
}

/**
 * Why Redis or the way to it failed, for a log: the code of the error and nothing that came from outside, since
 * messages quote commands, addresses and passwords.
 */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error';
  const inner = (error as { lastNodeError?: unknown }).lastNodeError;
  if (inner instanceof Error) return reasonOf(inner);
  if ('code' in error && typeof error.code === 'string') return error.code;
  const [word = ''] = error.message.split(' ');
  if (/^[A-Z]{2,}$/.test(word)) return word;
  if (/timed? ?out/i.test(error.message)) return 'timeout';
  return /sentinel/i.test(error.message) ? 'no sentinel knows the master' : 'connection lost';
}

function toServer(config: StoreConfig, needs: RedisNeeds): Options {
  const { sentinel } = config;
  if (sentinel === undefined) {
    const url = addresses([config.url ?? ''])[0]!;
    return { ...common(config, needs, url), host: url.host, port: url.port };
  }
  const urls = addresses(sentinel.urls);
  const [{ tls, username, password }] = urls as [RedisUrl];
  return {
    // Credentials in these addresses are the sentinels': the master's stand beside them.
    ...common(config, needs, { tls, username: '', password: '', db: -1 }),
    sentinels: urls.map(({ host, port }) => ({ host, port })),
    name: sentinel.name,
    ...(username !== '' && { sentinelUsername: username }),
    ...(password !== '' && { sentinelPassword: password }),
    ...(tls && { enableTLSForSentinelMode: true, sentinelTLS: tlsOf(config) }),
    sentinelRetryStrategy: backOff,
    sentinelReconnectStrategy: backOff,
    sentinelCommandTimeout: CONNECT,
    failoverDetector: true,
  };
}

function toCluster(ioredis: typeof Package, config: StoreConfig, needs: RedisNeeds): Cluster {
  const urls = addresses(config.urls ?? [config.url ?? '']);
  return new ioredis.Cluster(
    urls.map(({ host, port }) => ({ host, port })),
    {
      redisOptions: common(config, needs, urls[0]!),
      clusterRetryStrategy: backOff,
      enableOfflineQueue: false,
      enableAutoPipelining: true,
      // Only a moved slot is asked for again: it was not counted where it is no more.
      maxRedirections: 3,
      retryDelayOnFailover: 10,
      retryDelayOnClusterDown: 10,
      slotsRefreshTimeout: CONNECT,
      slotsRefreshInterval: 5_000,
      // Certificates are made out to the names that the nodes announce.
      dnsLookup: (address, callback) => callback(null, address),
    },
  );
}

function common(
  config: StoreConfig,
  { name, timeout }: RedisNeeds,
  url: Pick<RedisUrl, 'tls' | 'username' | 'password' | 'db'>,
): Options {
  const username = url.username || config.username;
  const password = url.password || config.password;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(url.tls && { tls: tlsOf(config) }),
    ...(timeout !== null && { commandTimeout: timeout }),
    db: url.db >= 0 ? url.db : (config.db ?? 0),
    connectionName: `sluice-${name}`,
    connectTimeout: CONNECT,
    socketTimeout: SILENCE,
    keepAlive: 10_000,
    retryStrategy: backOff,
    // A replica that was the master a moment ago: connect again, the name may lead elsewhere by now.
    reconnectOnError: (error) => error.message.startsWith('READONLY'),
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    maxLoadingRetryTime: 1_000,
    enableAutoPipelining: true,
  };
}

function tlsOf({ tls }: StoreConfig): ConnectionOptions {
  const { ca, cert, key, serverName, verify = true } = tls ?? {};
  return {
    rejectUnauthorized: verify,
    ...(typeof ca === 'string' && { ca }),
    ...(typeof cert === 'string' && { cert }),
    ...(typeof key === 'string' && { key }),
    ...(serverName !== undefined && { servername: serverName }),
  };
}

function addresses(urls: readonly string[]): RedisUrl[] {
  return urls.map((text) => {
    const url = parseRedisUrl(text);
    if (typeof url === 'string') throw new Error(`store: ${url}`);
    return url;
  });
}

/** Milliseconds until the next try: doubled up to a second, and spread so that a fleet does not come at once. */
function backOff(tries: number): number {
  const most = Math.min(1_000, 25 * 2 ** Math.min(tries, 10));
  return Math.ceil(most * (0.5 + Math.random() / 2));
}
