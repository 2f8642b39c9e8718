import { LRUCache } from 'lru-cache';
import type { Fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import type { VerifyKey } from './keys.ts';

/** What is known of one token text under one set of rules. */
export interface Known {
  readonly token: string;
  /** The key that proved it, or did not. */
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

interface Bounds {
  readonly entries: number;
  readonly bytes: number;
}

const ACCEPTED: Bounds = { entries: 20_000, bytes: 32 * 1024 * 1024 };
/** A flood of forged tokens pushes out other forged tokens and never a good one. */
const REFUSED: Bounds = { entries: 4_000, bytes: 4 * 1024 * 1024 };

/**
 * Verdicts on tokens, of all rules of a process. An entry is found by rules and the end of the token, and counts
 * only when the whole text is the same: hashing a whole token would cost more than the rest of the look-up.
 */
export class TokenCache {
  readonly #accepted = makeStore(ACCEPTED);
  readonly #refused = makeStore(REFUSED);

  /** @param rules Text that stands for one set of rules, and for no other. */
  find(rules: string, token: string): Known | undefined {
    const at = rules + token.slice(-TAIL);
    const known = this.#accepted.get(at);
    if (known?.token === token) return known;
    const refused = this.#refused.get(at);
    return refused?.token === token ? refused : undefined;
  }

  accept(rules: string, known: Known): void {
    this.#accepted.set(rules + known.token.slice(-TAIL), known);
  }

  refuse(rules: string, known: Known): void {
    this.#refused.set(rules + known.token.slice(-TAIL), known);
  }

  /** Entries of both kinds. */
  get size(): number {
    return this.#accepted.size + this.#refused.size;
  }
}

function makeStore({ entries, bytes }: Bounds): LRUCache<string, Known> {
  return new LRUCache({
    max: entries,
    maxSize: bytes,
    sizeCalculation: ({ token }) => token.length + OVERHEAD,
  });
}
