import { createHash } from 'node:crypto';
import { isFault } from '../contracts/auth.ts';
import type { Authenticator, AuthServices, AuthSite, AuthVerdict, Check } from '../contracts/auth.ts';
import { fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import { isCompact } from './compact.ts';
import { tokenReader, UNREADABLE, type TokenReader } from './credential.ts';
import { jwtOptions, type JwtOptions } from './jwt-options.ts';
import type { VerifyKey } from './keys.ts';
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

/** Verdicts are shared by all routes of a process, and stay true over reloads that change nothing about them. */
const caches = new WeakMap<AuthServices, TokenCache>();

function compile(options: JwtOptions, site: AuthSite): Check {
  const { services, consumers } = site;
  services.verifier.start();
  let cache = caches.get(services);
  if (cache === undefined) caches.set(services, (cache = new TokenCache()));
  const id = createHash('sha256')
    .update(JSON.stringify([options, consumers.digest]))
    .digest('base64');
  const { header, cookie = null, query = null } = options;
  const reader = tokenReader({ header, cookie, query });
  const judge = new Judge(id, new Rules(options, site), cache, services, reader);
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

/** Asked at every use, like the time: a revocation ends what was accepted before. */
const isRevoked = ({ tokenId, user }: Identity, { revocations }: AuthServices): boolean =>
  (tokenId !== null && revocations.has('jti', tokenId)) || (user !== null && revocations.has('sub', user));

/** Says what a token is worth under one set of rules: at once when that is known, else when a thread has said so. */
class Judge {
  readonly #id: string;
  readonly #rules: Rules;
  readonly #cache: TokenCache;
  readonly #services: AuthServices;
  readonly #reader: TokenReader;

  constructor(id: string, rules: Rules, cache: TokenCache, services: AuthServices, reader: TokenReader) {
    this.#id = id;
    this.#rules = rules;
    this.#cache = cache;
    this.#services = services;
    this.#reader = reader;
  }

  /** @param text What holds the token, as it came. */
  judge(text: string): AuthVerdict | Promise<AuthVerdict> {
    const now = Date.now();
    const known = this.#cache.find(this.#id, text);
    if (known !== undefined && counts(known, now)) return known.verdict;
    // A token spelled in its own way must not cost a signature each time, nor push out what others send.
    const usual = this.#reader.usual(text);
    return usual === text ? this.#judgeNew(text, now) : this.judge(usual);
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
    try {
      for (const candidate of await candidates) {
        const verdict = await this.#proveOne(text, digest, candidate);
        if (verdict !== INVALID) return verdict;
      }
      return INVALID;
    } finally {
      this.#cache.running.remove(digest);
    }
  }

  async #proveOne(text: string, digest: string, candidate: Candidate): Promise<AuthVerdict> {
    const token = this.#reader.token(text);
    const keys = await keysFor(candidate);
    if (keys === null) return NO_KEYS;
    for (const key of keys) {
      const good = await this.#services.verifier.signature(token, candidate.algorithm, key.jwk);
      if (good === null) return OVERLOAD;
      if (good && key.live) return this.#accept(text, key, candidate);
    }
    const [key] = keys;
    if (key !== undefined) this.#cache.refused.add(digest, key, Date.now() + REFUSED_MS);
    return INVALID;
  }

  #accept(text: string, key: VerifyKey, candidate: Candidate): AuthVerdict {
    const { from, until } = candidate;
    const verdict = this.#rules.verdict(candidate);
    const known: Known = { rules: this.#id, text, key, from, until, verdict };
    this.#cache.accept(known);
    return counts(known, Date.now()) ? verdict : INVALID;
  }
}

/** Asked again at every use: time goes on, and keys are withdrawn. */
const counts = ({ key, from, until }: Known, now: number): boolean => key.live && now >= from && now < until;

/**
 * The keys that may have signed; a key that nobody knows may be new, which is worth a short wait. Null = nobody can say: the
 * issuer does not answer.
 */
async function keysFor({ issuer, kid, algorithm }: Candidate): Promise<readonly VerifyKey[] | null> {
  const known = issuer.keys.find(kid, algorithm);
  if (known !== null && known.length > 0) return known;
  const settled = await issuer.keys.settled(Date.now());
  const keys = issuer.keys.find(kid, algorithm);
  return settled || (keys !== null && keys.length > 0) ? keys : null;
}
