import type { Fault } from './fault.ts';
import type { Reply } from './http.ts';
import type { Upstream } from './runtime.ts';
import type { Target, Timeouts } from './transport.ts';

/**
 * What an upstream does about failures, as machinery: `upstream/` makes it, `pipeline/tries.ts` follows it. An upstream
 * without any of it has none of these objects, and its requests never meet the code that uses them.
 */
export interface AttemptRules {
  readonly retry: RetryRules;
  /** Null = no hedging. */
  readonly hedge: HedgeRules | null;
  /** Null = neither breaker nor limit on concurrency. */
  readonly guard: Guard | null;
  /** What steps in, in this order; only the last may be a reply. */
  readonly fallback: readonly Rung[];
}

/** Which failures are tried again. Without `retry` in the configuration `attempts` is 1. */
export interface RetryRules {
  /** All tries of one request at this upstream, the first included. */
  readonly attempts: number;
  /** No connection stood. */
  readonly connect: boolean;
  /** The connection broke, or the reply was invalid, before its head was there. */
  readonly reset: boolean;
  /** A time-out of one attempt. */
  readonly timeout: boolean;
  /** Statuses of the upstream's own. */
  readonly statuses: ReadonlySet<number>;
  /** Methods that may be repeated although the upstream may have seen the request. */
  readonly methods: ReadonlySet<string>;
  /** Largest request body that is kept for a repetition, in bytes. */
  readonly bufferBytes: number;
  /** Upper bound of the first wait in milliseconds; it doubles with each try. 0 = no wait. */
  readonly backoff: number;
  readonly budget: Budget;
}

/** When a second attempt runs beside the first one; the one that answers first wins. */
export interface HedgeRules {
  /** Milliseconds without a reply head; Infinity while it is not known. */
  readonly afterMs: number;
  readonly budget: Budget;
  /** The time to a reply head, of every attempt that had one. */
  learn(ms: number): void;
}

/** How much extra traffic an upstream may get; `now` = milliseconds of `performance.now()`. */
export interface Budget {
  /** One more request of ordinary traffic. */
  note(now: number): void;
  /** Whether there is something left. */
  has(now: number): boolean;
  /** Takes one, if there is one left. */
  take(now: number): boolean;
}

/** Keeps requests away from an upstream that is failing or full. */
export interface Guard {
  /**
   * Asks for one attempt.
   * @param rank Of the route: 0 = goes first, 2 = is refused first.
   * @returns Why there may be none now, or what the attempt reports to.
   */
  enter(rank: number): Pass | Fault;
}

/** One attempt that was let in. Reports exactly once with `answered`, `failed` or `left`; `broke` may follow `answered`. */
export interface Pass {
  /** Whether the target takes the attempt; asked of one target after the other until one does. */
  to(target: Target): boolean;
  /** The reply head is there. */
  answered(status: number, ms: number): void;
  /** The attempt failed before its head. */
  failed(cause: Fault, ms: number): void;
  /** The reply broke off in its body. */
  broke(cause: Fault): void;
  /** It was given up, or not begun: that says nothing about the upstream. */
  left(): void;
}

/** One rung of the fallback ladder: another upstream, or a reply. */
export type Rung =
  | {
      readonly upstream: Upstream;
      /** Of that upstream. */
      readonly timeouts: Timeouts;
      /** What holds there if the upstream has no rules of its own. */
      readonly rules: AttemptRules;
      readonly reply: null;
    }
  | { readonly upstream: null; readonly reply: Reply };
