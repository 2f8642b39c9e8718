import { LRUCache } from 'lru-cache';
import type { Consumers } from '../contracts/auth.ts';
import type { Fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import { flat } from '../lib/flat.ts';
import type { VerifyKey } from './keys.ts';
import { RefusedTokens } from './refused-tokens.ts';
import { RunningChecks } from './running-checks.ts';
import { Turnstile } from './turnstile.ts';

/** What is known of one accepted token under one set of rules. */
export interface Known {
  /** Stands for the set of rules, and for no other. */
  readonly rules: string;
  /** What the token came in: the whole value of a field, for instance. */
  readonly text: string;
  /** The key that proved it. */
  readonly key: VerifyKey;
  /** The verdict counts from `from` until `until`, in milliseconds since 1970. */
  readonly from: number;
  readonly until: number;
  /** Those that the verdict was worked out with. */
  readonly consumers: Consumers;
  readonly verdict: Identity | Fault;
}

/** Bytes of an entry beside its text, roughly. */
const OVERHEAD = 700;

const ACCEPTED = { entries: 20_000, bytes: 32 * 1024 * 1024 };

/**
 * Verdicts on tokens, of all rules of a process. An accepted one is found by a few characters of its rules and of its
 * end, which are random in every good token, since they are of its signature; and it counts only when rules and text are
 * the same: hashing a whole token would cost more than the rest of the look-up.
 */
export class TokenCache {
  readonly #accepted = new LRUCache<string, Known>({
    max: ACCEPTED.entries,
    maxSize: ACCEPTED.bytes,
    sizeCalculation: ({ text }) => text.length + OVERHEAD,
  });
  /** Apart: a flood of forged tokens pushes out other forged tokens and never a good one. */
  readonly refused = new RefusedTokens();
  readonly running = new RunningChecks();
  /** For texts that nothing is known of. */
  readonly turnstile = new Turnstile();

  find(rules: string, text: string): Known | undefined {
    const known = this.#accepted.get(keyOf(rules, text));
    return known?.rules === rules && known.text === text ? known : undefined;
  }

  accept(known: Known): void {
    // A text may be a piece of a request's whole head, which must not live as long as the verdict.
    const text = flat(known.text);
    this.#accepted.set(keyOf(known.rules, text), { ...known, text });
  }
}

/** Twelve characters are the most that V8 copies at once; longer ones it keeps as parts, which are slow to look up. */
const keyOf = (rules: string, text: string): string => rules.slice(0, 4) + text.slice(-8);
