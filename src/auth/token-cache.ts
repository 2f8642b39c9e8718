import { LRUCache } from 'lru-cache';
import type { Fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import type { VerifyKey } from './keys.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { RunningChecks } from './running-checks.ts';

/** What is known of one accepted token text under one set of rules. */
export interface Known {
  readonly token: string;
  /** The key that proved it. */
  readonly key: VerifyKey;
  /** The verdict counts from `from` until `until`, in milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  readonly verdict: Identity | Fault;
}

/** Characters of a token's end that find its entry; random in every good token, since they are of its signature. */
const TAIL = 43;
/** Bytes of an entry beside its token, roughly. */
const OVERHEAD = 700;

const ACCEPTED = { entries: 20_000, bytes: 32 * 1024 * 1024 };

/**
 * Verdicts on tokens, of all rules of a process. An accepted one is found by rules and the end of the token, and counts
 * only when the whole text is the same: hashing a whole token would cost more than the rest of the look-up.
 */
export class TokenCache {
  readonly #accepted = new LRUCache<string, Known>({
    max: ACCEPTED.entries,
    maxSize: ACCEPTED.bytes,
    sizeCalculation: ({ token }) => token.length + OVERHEAD,
  });
  /** Apart: a flood of forged tokens pushes out other forged tokens and never a good one. */
  readonly refused = new RefusedTokens();
  readonly running = new RunningChecks();

  /** @param rules Text that stands for one set of rules, and for no other. */
  find(rules: string, token: string): Known | undefined {
    const known = this.#accepted.get(rules + token.slice(-TAIL));
    return known?.token === token ? known : undefined;
  }

  accept(rules: string, known: Known): void {
    this.#accepted.set(rules + known.token.slice(-TAIL), known);
  }
}
