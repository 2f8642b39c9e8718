import { createHash } from 'node:crypto';
import { isFault } from '../contracts/auth.ts';
import type {
  Authenticator,
  AuthServices,
  AuthSite,
  AuthVerdict,
  Check,
  Consumers,
  Verifier,
} from '../contracts/auth.ts';
import { fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import { isCompact, parseCompact } from './compact.ts';
import { tokenReader, UNREADABLE, type TokenReader } from './credential.ts';
import { jwtOptions, type JwtOptions } from './jwt-options.ts';
import type { VerifyKey } from './keys.ts';
import { provenBy } from './proof.ts';
import { INVALID, Rules, type Candidate } from './rules.ts';
import { TokenCache, type Known } from './token-cache.ts';
import { digestOf } from './token-digest.ts';

/** JSON Web Tokens in compact form (RFC 7519), checked by the advice of RFC 8725. */
export const jwt: Authenticator<JwtOptions> = {
  name: 'jwt',
  schema: jwtOptions,
  compile,
  // RFC 6750 section 3: no error code for who has brought nothing.
  challenge: () => 'Bearer realm="sluice"',
  parameters: ({ query }) => (query === undefined ? [] : [query]),
  sends: ({ headers }) => Object.values(headers),
};

const OVERLOAD = fault('overload', 'Too many new tokens at once.', ['retry-after', '1']);
const NO_KEYS = fault('auth_unavailable', undefined, ['retry-after', '1']);

/** How long a signature that was bad is known to be bad without another look, in milliseconds. */
const REFUSED_MS = 10_000;

type Candidates = readonly Candidate[];
type Provable = Pick<Candidate, 'from' | 'until' | 'claims'>;

/** What is known of tokens is shared by all routes of a process, and outlasts reloads. */
const caches = new WeakMap<AuthServices, TokenCache>();

function compile(options: JwtOptions, site: AuthSite): Check {
  const { services } = site;
  services.verifier.start();
  const cache = cacheOf(services);
  const id = createHash('sha256').update(JSON.stringify(options)).digest('base64');
  const { header, cookie = null, query = null } = options;
  const reader = tokenReader({ header, cookie, query });
  const judge = new Judge(id, new Rules(options, site), site, cache, reader);
  const standing = (verdict: AuthVerdict): AuthVerdict =>
    verdict === null || isFault(verdict) || !isRevoked(verdict, services) ? verdict : INVALID;
  return (x) => {
    const text = reader.read(x);
    if (text === null) return null;
    if (text === UNREADABLE) return INVALID;
    const verdict = judge.judge(text);
    return verdict instanceof Promise ? verdict.then(standing) : standing(verdict);
  };
}

function cacheOf(services: AuthServices): TokenCache {
  let cache = caches.get(services);
  if (cache === undefined) {
    cache = new TokenCache();
    caches.set(services, cache);
    const { refused } = cache;
    services.facts.on('jwks', () => refused.forget());
  }
  return cache;
}

/** Asked at every use, like the time: a revocation ends what was accepted before. */
const isRevoked = ({ tokenId, user }: Identity, { revocations }: AuthServices): boolean =>
  (tokenId !== null && revocations.has('jti', tokenId)) || (user !== null && revocations.has('sub', user));

/** Says what a token is worth under one set of rules: at once when that is known, else when a thread has said so. */
class Judge {
  readonly #id: string;
  readonly #rules: Rules;
  readonly #consumers: Consumers;
  readonly #cache: TokenCache;
  readonly #verifier: Verifier;
  readonly #reader: TokenReader;

  constructor(id: string, rules: Rules, site: AuthSite, cache: TokenCache, reader: TokenReader) {
    this.#id = id;
    this.#rules = rules;
    this.#consumers = site.consumers;
    this.#cache = cache;
    this.#verifier = site.services.verifier;
    this.#reader = reader;
  }

  /** @param text What holds the token, as it came. */
  judge(text: string): AuthVerdict | Promise<AuthVerdict> {
    const now = Date.now();
    const known = this.#cache.find(this.#id, text);
    if (known !== undefined && counts(known, now))
      return known.consumers === this.#consumers ? known.verdict : this.#judgeAgain(known);
    // A token spelled in its own way must not cost a signature each time, nor push out what others send.
    const usual = this.#reader.usual(text);
    return usual === text ? this.#judgeNew(text, now) : this.judge(usual);
  }

  /** The proof still stands when consumers change; whom it speaks of is worked out again. */
  #judgeAgain({ text, key, from, until }: Known): AuthVerdict {
    const claims = parseCompact(this.#reader.token(text))?.claims;
    return claims === undefined ? INVALID : this.#accept(text, key, { from, until, claims });
  }

  #judgeNew(text: string, now: number): AuthVerdict | Promise<AuthVerdict> {
    const token = this.#reader.token(text);
    if (!isCompact(token)) return INVALID;
    const digest = digestOf(this.#id, token);
    if (this.#cache.refused.has(digest, now)) return INVALID;
    const running = this.#cache.running.find(digest);
    if (running !== null) return running;
    const turn = this.#cache.turnstile.enter();
    if (turn === false) return OVERLOAD;
    if (turn !== null) {
      const later = turn.then(() => this.#rules.candidates(token, Date.now()));
      return this.#run(digest, this.#prove(text, digest, later));
    }
    const candidates = this.#rules.candidates(token, now);
    return candidates.length === 0 ? INVALID : this.#run(digest, this.#prove(text, digest, candidates));
  }

  #run(digest: string, verdict: Promise<AuthVerdict>): Promise<AuthVerdict> {
    this.#cache.running.add(digest, verdict);
    return verdict;
  }

  /** Runs on at least until the caller has noted that it does. */
  async #prove(
    text: string,
    digest: string,
    candidates: Candidates | Promise<Candidates>,
  ): Promise<AuthVerdict> {
    const { refused, running } = this.#cache;
    const { epoch } = refused;
    const token = this.#reader.token(text);
    try {
      let verdict = INVALID;
      let forged = 0;
      const all = await candidates;
      for (const candidate of all) {
        const proof = await provenBy(token, candidate, this.#verifier);
        if (proof === 'busy') return OVERLOAD;
        if (typeof proof !== 'string') return this.#accept(text, proof, candidate);
        if (proof === 'unasked') verdict = NO_KEYS;
        if (proof === 'forged') forged++;
      }
      if (forged > 0 && forged === all.length) refused.add(digest, Date.now() + REFUSED_MS, epoch);
      return verdict;
    } finally {
      running.remove(digest);
    }
  }

  #accept(text: string, key: VerifyKey, { from, until, claims }: Provable): AuthVerdict {
    const verdict = this.#rules.verdict(claims);
    const known: Known = { rules: this.#id, text, key, from, until, consumers: this.#consumers, verdict };
    this.#cache.accept(known);
    return counts(known, Date.now()) ? verdict : INVALID;
  }
}

/** Asked again at every use: time goes on, and keys are withdrawn. */
const counts = ({ key, from, until }: Known, now: number): boolean => key.live && now >= from && now < until;
