import type { Session } from './session.ts';

/**
 * What is learnt at one place and must be known at others, by kind. Each feature adds its line here. Values are
 * plain data: they travel between processes.
 */
export interface FactValues {
  /**
   * Whether active probes find an endpoint well; nothing is known before its first good probe. Id: upstream id, a
   * space, key of the endpoint (`host:port` of the target, then a space and the address where the host is a name).
   * From the primary.
   */
  readonly 'target-health': { readonly healthy: boolean };
  /** An endpoint failed too many requests in a row; id as above. From a worker. */
  readonly suspect: Readonly<Record<never, never>>;
  /** An endpoint gets no requests for a while; id as above. From the primary, null when the time is over. */
  readonly ejection: { readonly ms: number };
  /** Weight of a target other than the configured one; id: upstream id, a space, `host:port`. From the primary. */
  readonly weight: number;
  /** Key of sticky cookies that have none of their own; id: `sticky`. From the primary, once. */
  readonly secret: string;
  /** Addresses that a host name stands for, never none; id: the name. From the primary. */
  readonly addresses: readonly string[];
  /** Keys of a token issuer; id: URL of the key set. From the primary, after every attempt to fetch it. */
  readonly jwks: {
    /** Usable public keys (RFC 7517); null = it could never be fetched. */
    readonly keys: readonly Readonly<Record<string, unknown>>[] | null;
    /** Before this time (milliseconds since 1970) no unknown key makes the primary ask the issuer again. */
    readonly askAgainAt: number;
    /** The last attempt gave a set: what is not in `keys` is no key of the issuer's. */
    readonly current: boolean;
  };
  /** A token names a key that is not in the set; id: URL of the key set. From workers. */
  readonly 'unknown-kid': Readonly<Record<never, never>>;
  /** A worker that hears it tells `round-heard` with the same number. From the primary. */
  readonly round: number;
  /** The worker knows what was told before that round; id: its slot. From workers. */
  readonly 'round-heard': number;
  /** A session; id: the hash of its id. From the primary. */
  readonly session: Session;
  /** A session was used, in milliseconds since 1970; id: the hash of its id. From workers. */
  readonly 'session-use': { readonly at: number };
  /** Something is revoked until then (milliseconds since 1970, null = for ever); id: `jti ID`, `sub ID` or `key ID`. From the primary. */
  readonly revocation: { readonly expires: number | null };
  /** Sessions, revocations and consumers of the API have been read since the start of the node. From the primary, once. */
  readonly 'records-known': true;
  /** A worker cannot ask the store of limits, and why; id: number of the worker. From workers, null when it can again. */
  readonly 'limit-store': { readonly reason: string };
  /**
   * What an operator said about a breaker; id: upstream id, or upstream id, a space, `host:port`. From the primary;
   * null = it rules itself.
   */
  readonly breaker: { readonly force: 'open' | 'closed' };
  /** A client asks too much (`limits.requestsPerIp`); id: its address. `until` in milliseconds since 1970. */
  readonly ban: { readonly until: number };
}

export type FactKind = keyof FactValues;

/** One thing that is known: the newest value of a kind and an id counts; null = nothing is known any more. */
export interface Fact<K extends FactKind = FactKind> {
  readonly kind: K;
  readonly id: string;
  readonly value: FactValues[K] | null;
}

/**
 * What this process knows, and how it tells others. A worker tells the primary; the primary tells every worker,
 * and remembers, so that a worker born later knows it before its first configuration.
 */
export interface Facts {
  tell<K extends FactKind>(kind: K, id: string, value: FactValues[K] | null): void;
  /** The newest value that the primary told; a worker's own word does not count until the primary repeats it. */
  get<K extends FactKind>(kind: K, id: string): FactValues[K] | undefined;
  /** Calls `heard` for what comes from now on (in the primary: from workers). The returned function ends that. */
  on<K extends FactKind>(kind: K, heard: (id: string, value: FactValues[K] | null) => void): () => void;
}
