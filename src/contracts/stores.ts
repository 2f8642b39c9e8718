/**
 * What a limit says: `>= 0` = allowed, that many are left; `< 0` = refused, wait `-verdict` milliseconds
 * (whole, rounded up, at least 1).
 */
export type Verdict = number;

export type LimitAlgorithm = 'token-bucket' | 'sliding-window' | 'fixed-window' | 'concurrency';

/** One limit as configured. */
export interface LimitRule {
  /** Identity of its buckets, the same over reloads and on every node: `ROUTE/NAME` or `global/NAME`. A changed rate keeps it. */
  readonly id: string;
  readonly algorithm: LimitAlgorithm;
  /** How many per period; for `concurrency` how many at once. */
  readonly amount: number;
  /** Milliseconds; 0 for `concurrency`. */
  readonly periodMs: number;
  /** Capacity of a token bucket; `amount` for the others. */
  readonly burst: number;
  /** Asks the authority for every request, where the authority is not in this node. */
  readonly exact: boolean;
}

/** The buckets of one limit: one per key. */
export interface Bucket {
  /**
   * Takes `cost` (whole, at least 1), all or nothing. Synchronous whenever that can be; a promise never rejects and
   * never takes longer than the store's time budget.
   */
  take(key: string, cost: number): Verdict | Promise<Verdict>;
  /**
   * Gives back a take that is not to count after all; for `concurrency` that a request has ended.
   * @param leftMs `resetMs` of the take, less the milliseconds since: what time has put back since then is not put
   * back twice, and no later window is credited. Default: it was taken just now.
   */
  give(key: string, cost: number, leftMs?: number): void;
  /**
   * Milliseconds, also parts of one, until the key's bucket is full (token bucket) or its window ends, after the
   * verdict just given.
   */
  resetMs(verdict: Verdict): number;
}

/** Where limits are counted: memory shared by the workers of a node, or Redis. */
export interface LimitStore {
  /** Binds a rule: what can be computed once is computed here. Throws on a rule that cannot be counted. */
  bucket(rule: LimitRule): Bucket;
  close(): Promise<void>;
}

/** A few numbers per identity that all workers of a node share (breaker states ...). */
export interface SharedWords {
  /**
   * Eight 64-bit words (use them with Atomics), zero when nobody has used this identity before. The same identity
   * gives the same words in every worker, over reloads and over a worker's death. Where memory cannot be
   * shared they are this process's own.
   */
  words(identity: string): BigInt64Array;
}
