import type { Exchange } from '../../contracts/exchange.ts';
import { cookieValue } from '../../lib/cookie.ts';
import { queryValue } from '../../lib/query.ts';

/** 32 bits of a text: FNV-1a with a final mix (its own low bits are weak). The same in every process and version. */
export function hash32(text: string, seed = 0x811c9dc5): number {
  let h = seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** What of a request decides where it goes. */
export type KeyOf = (x: Exchange) => string;

/** Reads `ip`, `path`, `header:NAME`, `cookie:NAME` or `query:NAME`; a request without it goes by its ip. */
export function keyReader(by: string): KeyOf {
  const colon = by.indexOf(':');
  if (colon < 0) return by === 'path' ? (x) => x.path : (x) => x.ip;
  const name = by.slice(colon + 1);
  if (by.startsWith('header')) {
    const field = name.toLowerCase();
    return (x) => x.header(field) ?? x.ip;
  }
  if (by.startsWith('cookie')) return (x) => cookieValue(x.fields('cookie'), name) ?? x.ip;
  return (x) => queryValue(x.query, name) ?? x.ip;
}
