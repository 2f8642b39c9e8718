import type { Consumers } from '../contracts/auth.ts';
import type { Headers, Identity } from '../contracts/http.ts';
import { makeIdentity } from '../lib/identity.ts';
import type { JsonObject } from './compact.ts';

/** When a token counts, in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

/** Reads `exp`, `nbf` and `iat` (RFC 7519 section 4.1); null = one of them is no date. */
export function spanOf({ exp, nbf, iat }: JsonObject, leewayMs: number): Span | null {
  const until = dateOf(exp, Infinity);
  const begins = dateOf(nbf, -Infinity);
  const issued = dateOf(iat, -Infinity);
  if (until === null || begins === null || issued === null) return null;
  return { from: Math.max(begins, issued) - leewayMs, until: until + leewayMs };
}

/** A NumericDate: seconds, which may have a fraction. */
function dateOf(value: unknown, absent: number): number | null {
  if (value === undefined) return absent;
  return typeof value === 'number' && Number.isFinite(value) ? value * 1000 : null;
}

/** Scopes of a token: `scope` is text (RFC 8693 section 4.2), `scp` text or a list. */
export function scopesOf({ scope, scp }: JsonObject): readonly string[] {
  const given = scope ?? scp;
  if (typeof given === 'string') return given.split(' ').filter((each) => each !== '');
  return textsIn(given);
}

export interface Telling {
  readonly consumerClaim: string;
  /** Claim to lower-case request field. */
  readonly headers: Readonly<Record<string, string>>;
  readonly consumers: Consumers;
}

/** Who a proved token speaks of. */
export function identityOf(claims: JsonObject, { consumerClaim, headers, consumers }: Telling): Identity {
  const named = claims[consumerClaim];
  const consumer = typeof named === 'string' ? consumers.get(named) : undefined;
  return makeIdentity({
    consumer: consumer?.id ?? null,
    user: textOf(claims.sub),
    groups: [...new Set([...textsIn(claims.groups), ...(consumer?.groups ?? [])])],
    scopes: scopesOf(claims),
    tokenId: textOf(claims.jti),
    claims: Object.entries(headers).flatMap(([claim, header]): Headers => {
      const text = tellable(claims[claim]);
      return text === null ? [] : [header, text];
    }),
  });
}

const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);

const textsIn = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((each): each is string => typeof each === 'string') : [];

/** A claim as a field value: text, numbers and booleans as they are, a list of them with commas; null = no such text. */
function tellable(value: unknown): string | null {
  if (Array.isArray(value)) return value.every(isPlain) ? value.map(String).join(',') : null;
  return isPlain(value) ? String(value) : null;
}

const isPlain = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value);
