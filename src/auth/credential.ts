import type { Exchange } from '../contracts/exchange.ts';
import { parameterValues, withoutParameters } from '../lib/query.ts';

/** Where a token may stand. */
export interface Places {
  /** Lower-case field name. `authorization` carries the scheme Bearer, another field the bare token. */
  readonly header: string;
  readonly cookie: string | null;
  readonly query: string | null;
}

/** Stands for a credential that is there and can be no token: given twice, for instance. */
export const UNREADABLE = '';

/** How the token of a request is found. */
export interface TokenReader {
  /** The text that holds the token, as it came; null = there is none. */
  read(x: Exchange): string | null;
  /** The token in such a text. */
  token(text: string): string;
  /** The text in which everybody else sends that token; as a rule the same. */
  usual(text: string): string;
}

/** Header, cookie and query are looked at in this order; the first that has one counts. */
export function tokenReader({ header, cookie, query }: Places): TokenReader {
  const same = (text: string): string => text;
  // Cutting the scheme off would cost more than all of the look-up of a known token.
  const inHeader: TokenReader =
    header === 'authorization'
      ? { read: bearer, token: withoutScheme, usual: usualBearer }
      : { read: (x) => single(x, header), token: same, usual: same };
  if (cookie === null && query === null) return inHeader;
  const dropped = new Set(query === null ? [] : [query]);
  const read = (x: Exchange) => {
    const fromQuery = query === null || x.query === '' ? [] : parameterValues(x.query, query);
    if (fromQuery.length > 0) x.query = withoutParameters(x.query, dropped);
    const text = inHeader.read(x);
    if (text !== null) return text === UNREADABLE ? UNREADABLE : inHeader.token(text);
    return (cookie === null ? null : one(cookieValues(x, cookie))) ?? one(fromQuery);
  };
  return { read, token: same, usual: same };
}

/** RFC 6750 section 2.1. Another scheme is a credential for somebody else. */
function bearer(x: Exchange): string | null {
  const value = single(x, 'authorization');
  if (value === null || value === UNREADABLE) return value;
  return value.startsWith('Bearer ') || /^bearer( |$)/i.test(value) ? value : null;
}

const withoutScheme = (value: string): string =>
  value.charCodeAt(7) === 0x20 ? value.slice(7).trimStart() : value.slice(7);

const usualBearer = (value: string): string =>
  value.startsWith('Bearer ') && value.charCodeAt(7) !== 0x20 ? value : `Bearer ${withoutScheme(value)}`;

/** The value of a field that may be given once: the upstream may believe the one that was not checked. */
const single = (x: Exchange, name: string): string | null => one(x.fields(name));

const one = (values: readonly string[]): string | null =>
  values.length > 1 ? UNREADABLE : (values[0] ?? null);

/** RFC 6265 section 4.2.1. */
function cookieValues(x: Exchange, name: string): string[] {
  const values: string[] = [];
  for (const field of x.fields('cookie'))
    for (const pair of field.split(';')) {
      const equals = pair.indexOf('=');
      if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim());
    }
  return values;
}
