import {
  changeState,
  clearTally,
  CLOSED,
  HALF_OPEN,
  loadState,
  MOST_STREAK,
  OPEN,
  SLICES,
  type State,
  sumOf,
  tally,
  unpack,
} from './breaker-words.ts';
import { nodeNow } from './node-clock.ts';

/** When a breaker opens and how it closes again. Ratios are fractions, times milliseconds. */
export interface BreakerRules {
  readonly errorRatio: number;
  /** Null = slowness does not matter. */
  readonly slow: { readonly over: number; readonly ratio: number } | null;
  readonly minRequests: number;
  readonly window: number;
  readonly open: number;
  readonly maxOpen: number;
  /** Probes of a half-open round; as many must go well. */
  readonly halfOpen: number;
  /** After this a probe without an outcome is given up: its worker is dead. Longer than any probe takes. */
  readonly probeMs: number;
}

export type Force = 'open' | 'closed' | null;

/** What `enter` answers when nothing may pass. */
export const REFUSED = -1;
/** What `enter` answers when everything may pass. */
export const PASSES = 0;

/**
 * A circuit breaker, shared by the workers of a node through its words. Closed, everything passes and is counted;
 * when too much fails or is too slow it opens and nothing passes; after its open time exactly `halfOpen` probes may
 * pass: all well and it closes, one bad and it opens for twice as long.
 */
export class Breaker {
  /** What an operator said; null = it rules itself. */
  force: Force = null;
  readonly #words: BigInt64Array;
  /** The low half of the state word: all that is to be known while it is closed. */
  readonly #low: Int32Array;
  readonly #rules: BreakerRules;
  readonly #sliceMs: number;
  readonly #now: () => number;

  /** @param now Milliseconds, whole, of a clock that all workers share. */
  constructor(words: BigInt64Array, rules: BreakerRules, now: () => number = nodeNow) {
    this.#words = words;
    this.#low = new Int32Array(words.buffer, words.byteOffset, 1);
    this.#rules = rules;
    this.#sliceMs = Math.max(1, rules.window / SLICES);
    this.#now = now;
  }

  /** `PASSES`, `REFUSED`, or the ticket of a probe, which is to be handed in with its outcome. */
  enter(): number {
    if (this.force !== null) return this.force === 'open' ? REFUSED : PASSES;
    return (Atomics.load(this.#low, 0) & 3) === CLOSED ? PASSES : this.#probe();
  }

  /** How an attempt that was let in went. */
  done(ticket: number, failed: boolean, ms: number): void {
    const { slow } = this.#rules;
    const tooSlow = slow !== null && ms > slow.over;
    if (ticket === PASSES) this.#count(failed, tooSlow);
    else if (failed || tooSlow) this.#reopen(ticket);
    else this.#passed(ticket);
  }

  /** A reply that looked well broke in its body: what was counted as good was not. */
  spoilt(): void {
    tally(this.#words, this.#slice(), 0, 1, 0);
    this.#judge();
  }

  /** An attempt that was let in says nothing about the upstream: its probe may be made by another. */
  giveBack(ticket: number): void {
    if (ticket === PASSES) return;
    for (;;) {
      const word = loadState(this.#words);
      const is = unpack(word);
      if (is.state !== HALF_OPEN || is.until !== ticket) return;
      if (changeState(this.#words, word, { ...is, issued: is.issued - 1 })) return;
    }
  }

  /** 0 closed, 1 half-open, 2 open. */
  get state(): number {
    if (this.force !== null) return this.force === 'open' ? OPEN : CLOSED;
    const { state, until } = unpack(loadState(this.#words));
    return state === OPEN && until <= this.#now() ? HALF_OPEN : state;
  }

  /** Milliseconds until it is worth asking again; at least 1000 when nobody knows. */
  get waitMs(): number {
    const { state, until } = unpack(loadState(this.#words));
    return state === OPEN && this.force === null ? Math.max(1, until - this.#now()) : 1000;
  }

  /** Closes it and forgets what happened. */
  reset(): void {
    Atomics.store(this.#words, 0, 0n);
    clearTally(this.#words);
  }

  #slice(): number {
    return Math.floor(this.#now() / this.#sliceMs);
  }

  #probe(): number {
    for (;;) {
      const word = loadState(this.#words);
      const is = unpack(word);
      if (is.state === CLOSED) return PASSES;
      const now = this.#now();
      const next = this.#withProbe(is, now);
      if (next === null) return REFUSED;
      if (changeState(this.#words, word, next)) return next.until;
    }
  }

  /** The state with one more probe on its way; null = there may be none now. */
  #withProbe(is: State, now: number): State | null {
    const until = now + this.#rules.probeMs;
    const over = is.until <= now;
    if (is.state === OPEN) return over ? { ...is, state: HALF_OPEN, issued: 1, passed: 0, until } : null;
    // Nobody lives who could tell how the missing probes went: others take their places.
    if (over) return { ...is, issued: is.passed + 1, until };
    return is.issued < this.#rules.halfOpen ? { ...is, issued: is.issued + 1 } : null;
  }

  #count(failed: boolean, tooSlow: boolean): void {
    // What began before it opened and ends now is no news.
    if ((Atomics.load(this.#low, 0) & 3) !== CLOSED) return;
    tally(this.#words, this.#slice(), 1, failed ? 1 : 0, tooSlow ? 1 : 0);
    if (failed || tooSlow) this.#judge();
  }

  #judge(): void {
    const { minRequests, errorRatio, slow, open } = this.#rules;
    const { total, errors, slow: late } = sumOf(this.#words, this.#slice());
    if (total < minRequests) return;
    if (errors < errorRatio * total && (slow === null || late < slow.ratio * total)) return;
    const word = loadState(this.#words);
    if (unpack(word).state !== CLOSED) return;
    const until = this.#now() + open;
    changeState(this.#words, word, { state: OPEN, streak: 0, issued: 0, passed: 0, until });
  }

  #reopen(ticket: number): void {
    const word = loadState(this.#words);
    const is = unpack(word);
    if (is.state !== HALF_OPEN || is.until !== ticket) return;
    const streak = Math.min(is.streak + 1, MOST_STREAK);
    const until = this.#now() + Math.min(this.#rules.open * 2 ** streak, this.#rules.maxOpen);
    // Lost against another probe's outcome: look again.
    if (!changeState(this.#words, word, { state: OPEN, streak, issued: 0, passed: 0, until }))
      this.#reopen(ticket);
  }

  #passed(ticket: number): void {
    const word = loadState(this.#words);
    const is = unpack(word);
    if (is.state !== HALF_OPEN || is.until !== ticket) return;
    const passed = is.passed + 1;
    const closes = passed >= this.#rules.halfOpen;
    // Before it closes, so that nobody counts on top of what is over.
    if (closes) clearTally(this.#words);
    const next: State = closes
      ? { state: CLOSED, streak: 0, issued: 0, passed: 0, until: 0 }
      : { ...is, passed };
    if (!changeState(this.#words, word, next)) this.#passed(ticket);
  }
}
