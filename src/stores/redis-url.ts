import { parseHost } from '../lib/host.ts';

/** An address of Redis, taken apart. */
export interface RedisUrl {
  readonly tls: boolean;
  /** An IPv6 address has no brackets. */
  readonly host: string;
  readonly port: number;
  /** Empty = none. */
  readonly username: string;
  /** Empty = none. */
  readonly password: string;
  /** -1 = not said. */
  readonly db: number;
}

const SHAPE = /^([a-z][a-z0-9+.-]*):\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?([?#].*)?$/is;

/**
 * Reads `redis://[user[:password]@]host[:port][/db]`, `rediss://` for TLS; or says what is wrong with it, in
 * words that hold nothing of it, since it may hold a password.
 */
export function parseRedisUrl(url: string): RedisUrl | string {
  const [, scheme = '', userinfo = '', authority = '', path = '', rest] = SHAPE.exec(url) ?? [];
  const kind = scheme.toLowerCase();
  if (kind === '') return 'not an address of Redis: write redis://host:port';
  if (kind !== 'redis' && kind !== 'rediss') return 'not an address of Redis: use redis:// or rediss://';
  if (rest !== undefined) return 'an address of Redis has no query: use the keys of store';
  const host = parseHost(authority);
  const portText = /:(\d*)$/.exec(authority)?.[1];
  if (host === null || host === '') return 'not a host and port: write redis://host:port';
  if (portText === '' || Number(portText) === 0 || Number(portText) > 65_535)
    return 'the port must be a number from 1 to 65535';
  if (!/^\d{0,5}$/.test(path))
    return 'after the host comes the number of the database or nothing: redis://host/0';
  const credentials = decode(userinfo);
  if (credentials === null) return 'the user or password holds a bad %-escape: write % as %25';
  return {
    tls: kind === 'rediss',
    host: host.replace(/^\[|\]$/g, ''),
    port: portText === undefined ? 6379 : Number(portText),
    ...credentials,
    db: path === '' ? -1 : Number(path),
  };
}

function decode(userinfo: string): { username: string; password: string } | null {
  const colon = userinfo.indexOf(':');
  const [user, password] = colon < 0 ? [userinfo, ''] : [userinfo.slice(0, colon), userinfo.slice(colon + 1)];
  try {
    return { username: decodeURIComponent(user), password: decodeURIComponent(password) };
  } catch {
    return null;
  }
}
