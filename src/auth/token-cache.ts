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
 * Verdicts on tokens, of all rules of a process. An accepted one is found by a number made of a few characters of its rules
 * and of its end, which are random in every good token, since they are of its signature; and it counts only when rules and
 * text are the same: hashing a whole token would cost more than the rest of the look-up. Two that have one number have a
 * place each; a third, or one whose number is that second place, costs now and then a check again.
 */
export class TokenCache {
  readonly #accepted = new LRUCache<number, Known>({
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
    const number = numberOf(rules, text);
    const known = this.#accepted.get(number);
    if (known !== undefined && isOf(known, rules, text)) return known;
    const second = this.#accepted.get(~number);
    return second !== undefined && isOf(second, rules, text) ? second : undefined;
  }

  accept(known: Known): void {
    const { rules } = known;
    // A text may be a piece of a request's whole head, which must not live as long as the verdict.
    const text = flat(known.text);
    const number = numberOf(rules, text);
    const there = this.#accepted.peek(number);
    const isFree = there === undefined || isOf(there, rules, text);
    this.#accepted.set(isFree ? number : ~number, { ...known, text });
  }
}

const isOf = (known: Known, rules: string, text: string): boolean =>
  known.rules === rules && known.text === text;

/** FNV-1a (Fowler, Noll, Vo) of four characters of the rules and the last eight of the text; 32 bits, signed. */
function numberOf(rules: string, text: string): number {
  let number = 0x811c9dc5 | 0;
  for (let i = 0; i < 4; i++) number = Math.imul(number ^ rules.charCodeAt(i), PRIME);
  for (let i = Math.max(0, text.length - 8); i < text.length; i++)
    number = Math.imul(number ^ text.charCodeAt(i), PRIME);
  return number;
}

const PRIME = 0x01000193;
