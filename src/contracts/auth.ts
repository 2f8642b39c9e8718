import type { ZodType } from 'zod';
import type { Exchange, RouteInfo } from './exchange.ts';
import type { Facts } from './facts.ts';
import type { Fault } from './fault.ts';
import type { Identity } from './http.ts';
import type { Revocations, Sessions } from './session.ts';

/**
 * What a look at the caller's credential says: who it is | no credential of this kind is there | it is refused
 * (`unauthorized`, `insufficient_scope`, ..., with its `WWW-Authenticate`). Promises must be native ones and never
 * reject.
 */
export type AuthVerdict = Identity | null | Fault;
export type Check = (x: Exchange) => AuthVerdict | Promise<AuthVerdict>;

/** Whether a verdict is a refusal. */
export const isFault = (verdict: Identity | Fault): verdict is Fault => 'code' in verdict;

/** One way to tell who is calling (jwt, key, session, basic): a block of `policies`, run by the one `auth` policy. */
export interface Authenticator<O> {
  readonly name: string;
  /** Options with defaults and bounds; every key carries a `.describe()`. Idempotent. */
  readonly schema: ZodType<O>;
  /** Runs when a configuration is loaded, never per request. Throws a `ZodError` on what does not fit. */
  compile(options: O, site: AuthSite): Check;
  /** `WWW-Authenticate` for a caller who brought no credential (RFC 9110 section 11.6.1). */
  challenge(options: O): string;
  /** Takes the credential out of what the upstream is sent; called for callers who pass. Null = it is sent on. */
  conceal?(options: O): ((x: Exchange) => void) | null;
  /** Names of query parameters that hold the credential: their values are never logged. */
  parameters?(options: O): readonly string[];
  /** Lower-case names of request fields that it tells the upstream of the caller in: no client may send them. */
  sends?(options: O): readonly string[];
}

/** An authenticator compiled for one route, as the `auth` policy runs it. */
export interface BoundAuthenticator {
  readonly name: string;
  readonly check: Check;
  readonly challenge: string;
  readonly conceal: ((x: Exchange) => void) | null;
}

/** What an authenticator may touch while it is compiled for one route. */
export interface AuthSite {
  readonly route: RouteInfo;
  readonly consumers: Consumers;
  readonly services: AuthServices;
}

/** Who is known by name. */
export interface Consumer {
  readonly id: string;
  readonly groups: readonly string[];
}

/** The consumers of one configuration: others are another object. */
export interface Consumers {
  get(id: string): Consumer | undefined;
  /** Every key with that prefix. */
  keys(prefix: string): readonly StoredKey[];
  /** Who has that name for basic authentication. */
  login(username: string): StoredLogin | undefined;
  /** What a password is tried against where nobody has the name; no password fits. */
  readonly nobody: string;
}

/** An API key, as it is stored. */
export interface StoredKey {
  /** Unique within its consumer; `identity.keyId` is unique everywhere. */
  readonly id: string;
  readonly prefix: string;
  readonly salt: string;
  /** The characters of the hex digits of SHA-256 of `SALT:KEY`. */
  readonly digits: Buffer;
  readonly identity: Identity;
  /** Milliseconds since 1970; Infinity = never. */
  readonly expires: number;
}

/** Name and password, as they are stored. */
export interface StoredLogin {
  readonly identity: Identity;
  /** PHC string of scrypt. */
  readonly hash: string;
}

/** What a process offers to authenticators. Where a configuration is only checked, they do nothing. */
export interface AuthServices {
  readonly facts: Facts;
  readonly verifier: Verifier;
  readonly sessions: Sessions;
  readonly revocations: Revocations;
}

/** Work that is too dear for an event loop: done by threads that yield to traffic. */
export interface Verifier {
  /**
   * Starts the threads for signatures, once; a gateway that never asks has none. To be called when a configuration is
   * compiled.
   */
  start(): void;
  /**
   * Whether the signature of a compact JWS is good. Null = the queue is full. The promise never rejects; it gives
   * null when the answer did not come in time.
   * @param alg Checked already to be one that is allowed and fits the key.
   * @param jwk Public or symmetric key as the text of a JWK (RFC 7517).
   */
  signature(token: string, alg: string, jwk: string): Promise<boolean | null> | null;
  /**
   * Whether a password fits a stored hash (PHC string of scrypt), in threads of their own: no token waits for a
   * password. Null and the promise as above.
   */
  password(password: string, hash: string): Promise<boolean | null> | null;
}
