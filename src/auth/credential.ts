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

/** Reads the token of a request; null = there is none. */
export type ReadToken = (x: Exchange) => string | null;

/** Header, cookie and query are looked at in this order; the first that has one counts. */
export function tokenReader({ header, cookie, query }: Places): ReadToken {
  const fromHeader: ReadToken = header === 'authorization' ? bearer : (x) => single(x, header);
  if (cookie === null && query === null) return fromHeader;
  const dropped = new Set(query === null ? [] : [query]);
  return (x) => {
    const fromQuery = query === null || x.query === '' ? [] : parameterValues(x.query, query);
    if (fromQuery.length > 0) x.query = withoutParameters(x.query, dropped);
    return fromHeader(x) ?? (cookie === null ? null : one(cookieValues(x, cookie))) ?? one(fromQuery);
  };
}

/** RFC 6750 section 2.1. Another scheme is a credential for somebody else. */
function bearer(x: Exchange): string | null {
  const value = single(x, 'authorization');
  if (value === null || value === UNREADABLE) return value;
  if (!value.startsWith('Bearer ') && !/^bearer( |$)/i.test(value)) return null;
  return value.charCodeAt(7) === 0x20 ? value.slice(7).trimStart() : value.slice(7);
}

/** The value of a field that may be given once. */
function single({ headers }: Exchange, name: string): string | null {
  let found: string | null = null;
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== name) continue;
    // The upstream may believe the one that was not checked.
    if (found !== null) return UNREADABLE;
    found = headers[i + 1]!;
  }
  return found;
}

const one = (values: readonly string[]): string | null =>
  values.length > 1 ? UNREADABLE : (values[0] ?? null);

/** RFC 6265 section 4.2.1. */
function cookieValues({ headers }: Exchange, name: string): string[] {
  const values: string[] = [];
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i] !== 'cookie') continue;
    for (const pair of headers[i + 1]!.split(';')) {
      const equals = pair.indexOf('=');
      if (equals >= 0 && pair.slice(0, equals).trim() === name) values.push(pair.slice(equals + 1).trim());
    }
  }
  return values;
}
