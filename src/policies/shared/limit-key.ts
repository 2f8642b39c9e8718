import { hash } from 'node:crypto';
import type { Exchange } from '../../contracts/exchange.ts';
import { networkOf } from '../../lib/cidr.ts';

type Read = (x: Exchange) => string;

/** Marks what is no address: an address never begins with it. */
const GIVEN = '=';

/**
 * The key by which a limit finds the bucket of a request. Two requests share a key only when they agree in every part:
 * a value that a client chose can look neither like an address nor like two parts.
 *
 * @param parts As in the configuration, header names in lower case.
 * @param ipv6Prefix How many bits of an IPv6 address count.
 */
export function keyReader(parts: readonly string[], ipv6Prefix: number, route: string): Read {
  const reads = parts.map((part) => partReader(part, ipv6Prefix, route));
  const [first] = reads;
  if (first !== undefined && reads.length === 1) return first;
  return (x) => {
    let key = '';
    for (let i = 0; i < reads.length; i++) {
      const text = reads[i]!(x);
      key += `${text.length}:${text}`;
    }
    return key;
  };
}

function partReader(part: string, ipv6Prefix: number, route: string): Read {
  const ip: Read = (x) => networkOf(x.ip, ipv6Prefix);
  const given = (read: (x: Exchange) => string): Read => {
    return (x) => {
      const value = read(x);
      return value === '' ? ip(x) : GIVEN + value;
    };
  };
  const [kind = '', name = ''] = part.split(':');
  const start = `${name}=`;
  switch (kind) {
    case 'header':
      return given((x) => digest(x.header(name) ?? ''));
    case 'cookie':
      return given((x) => digest(cookie(x.header('cookie') ?? '', start)));
    case 'user':
      return given((x) => bounded(x.identity?.user ?? ''));
    case 'consumer':
      return given((x) => x.identity?.consumer ?? '');
    case 'key':
      return given((x) => x.identity?.keyId ?? '');
    case 'route':
    case 'global': {
      const constant = kind === 'route' ? GIVEN + route : GIVEN;
      return () => constant;
    }
    default:
      return ip;
  }
}

/** Longest name of a user that goes into a key as it is. */
const USER_MAX = 64;

/** The subject of a token can be of any length. The first character tells a name from a digest. */
const bounded = (user: string): string =>
  user === '' ? '' : user.length <= USER_MAX ? `.${user}` : `#${digest(user)}`;

/** What clients send may be long, or a secret that has no business in a store. */
const digest = (value: string): string => (value === '' ? '' : hash('sha256', value, 'base64url'));

/** The value of the first cookie whose pair begins with `start` (RFC 6265 section 5.4); empty when there is none. */
function cookie(header: string, start: string): string {
  for (let at = 0; at < header.length;) {
    while (header.charCodeAt(at) === 0x20) at++;
    const end = header.indexOf(';', at);
    const stop = end < 0 ? header.length : end;
    if (header.startsWith(start, at)) return header.slice(at + start.length, stop).trim();
    at = stop + 1;
  }
  return '';
}
