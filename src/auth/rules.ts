import { duration } from '../contracts/units.ts';
import type { AuthSite } from '../contracts/auth.ts';
import { fault, type Fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import { identityOf, scopesOf, spanOf, type Span } from './claims.ts';
import { parseCompact, type Compact, type JsonObject } from './compact.ts';
import { compileIssuer, type Issuer } from './issuer.ts';
import type { JwtOptions } from './jwt-options.ts';

/** The one answer to whatever is wrong with a token (RFC 6750 section 3.1): a reason would help who forges it. */
export const INVALID: Fault = fault('unauthorized', 'The token is not valid here.', [
  'www-authenticate',
  'Bearer error="invalid_token"',
]);

/** A token whose every claim is in order: nothing but its signature is left to check. */
export interface Candidate extends Span {
  readonly issuer: Issuer;
  readonly algorithm: string;
  readonly kid: string | undefined;
  readonly claims: JsonObject;
}

/** Header parameters that bring their own key or change what is signed (RFC 8725 sections 3.9 and 3.10). */
const FORBIDDEN = ['crit', 'b64', 'jku', 'jwk', 'x5u'];

/** What a `jwt` block asks of a token, compiled. */
export class Rules {
  readonly #issuers: readonly Issuer[];
  readonly #types: ReadonlySet<string>;
  readonly #untyped: boolean;
  readonly #required: readonly string[];
  readonly #leewayMs: number;
  readonly #scopes: readonly string[];
  readonly #scopeFault: Fault;
  readonly #identity: (claims: JsonObject) => Identity;

  constructor(options: JwtOptions, { consumers, services }: AuthSite) {
    const { scopes, consumerClaim, headers } = options;
    this.#issuers = options.issuers.map((each, i) => compileIssuer(each, i, services.facts));
    const types = options.typ ?? ['JWT', 'at+jwt'];
    this.#types = new Set([types].flat().map(mediaType));
    this.#untyped = options.typ === undefined;
    this.#required = options.required;
    this.#leewayMs = duration.parse(options.leeway);
    this.#scopes = scopes;
    this.#scopeFault = fault('insufficient_scope', 'The token does not allow this.', [
      'www-authenticate',
      `Bearer error="insufficient_scope", scope="${scopes.join(' ')}"`,
    ]);
    this.#identity = (claims) => identityOf(claims, { consumerClaim, headers, consumers });
  }

  /** What there is to prove of a token: once for each issuer of its name; none = it is not valid. */
  candidates(token: string, now: number): Candidate[] {
    const parsed = parseCompact(token);
    if (parsed === null || !this.#hasGoodHeader(parsed)) return [];
    const { header, claims } = parsed;
    const span = spanOf(claims, this.#leewayMs);
    if (span === null || now < span.from || now >= span.until) return [];
    if (!this.#required.every((name) => Object.hasOwn(claims, name))) return [];
    if (claims.sub !== undefined && typeof claims.sub !== 'string') return [];
    const { from, until } = span;
    const algorithm = header.alg as string;
    const kid = header.kid as string | undefined;
    // No spread: V8 would make new hidden classes for every token, which live until a full collection.
    return this.#issuers
      .filter((each) => each.name === claims.iss && each.allows(algorithm) && each.isFor(claims))
      .map((issuer) => ({ from, until, issuer, algorithm, kid, claims }));
  }

  /** What is said to the bearer of a proved token. */
  verdict(claims: JsonObject): Identity | Fault {
    const scopes = this.#scopes.length === 0 ? [] : scopesOf(claims);
    return this.#scopes.every((each) => scopes.includes(each)) ? this.#identity(claims) : this.#scopeFault;
  }

  #hasGoodHeader({ header }: Compact): boolean {
    const { alg, kid, typ } = header;
    if (typeof alg !== 'string' || (kid !== undefined && typeof kid !== 'string')) return false;
    if (FORBIDDEN.some((name) => Object.hasOwn(header, name))) return false;
    return typ === undefined ? this.#untyped : typeof typ === 'string' && this.#types.has(mediaType(typ));
  }
}

/** RFC 7515 section 4.1.9: `application/` may be left out; case does not count. */
const mediaType = (typ: string): string => typ.toLowerCase().replace(/^application\//, '');
