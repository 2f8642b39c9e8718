import type { LimitRule } from '../contracts/stores.ts';

/** How much of the most that others took between two questions is remembered at the next question. */
const FADING = 0.875;
/** How many times as much others are taken to have had since the last question. */
const CAUTION = 2;

/**
 * What a process last heard of a bucket, and how much others take from it while this process does not ask. Nobody can
 * know what they took after the last answer: they are taken to have had twice the most that they lately had between
 * two questions.
 */
export class LastKnown {
  /** What was left, of the whole bucket; -1 = nobody ever asked. */
  #left = -1;
  /** Milliseconds of the store's clock. */
  #at = 0;
  #others = 0;

  /** @param own What this process took itself with that question. @param at Milliseconds of the store's clock. */
  hear(rule: LimitRule, left: number, own: number, at: number): void {
    const taken = this.#refilled(rule, at) - own - left;
    this.#others = Math.max(0, taken, this.#others * FADING);
    this.#left = left;
    this.#at = at;
  }

  /** How much of the whole bucket is to be taken for gone, when nobody can be asked. */
  gone(rule: LimitRule, now: number): number {
    if (this.#isFresh(rule, now)) return 0;
    return Math.min(rule.burst, rule.burst - this.#refilled(rule, now) + CAUTION * this.#others);
  }

  /** What was left, and what has come back since. */
  #refilled(rule: LimitRule, now: number): number {
    const { algorithm, burst, periodMs, amount } = rule;
    if (this.#isFresh(rule, now)) return burst;
    if (algorithm !== 'token-bucket') return this.#left;
    return Math.min(burst, this.#left + (Math.max(0, now - this.#at) * amount) / periodMs);
  }

  /** Whether it is as if nobody had ever asked. */
  #isFresh({ algorithm, periodMs }: LimitRule, now: number): boolean {
    if (this.#left < 0) return true;
    if (algorithm === 'token-bucket') return false;
    const windows = Math.floor(now / periodMs) - Math.floor(this.#at / periodMs);
    return windows > (algorithm === 'sliding-window' ? 1 : 0);
  }
}
