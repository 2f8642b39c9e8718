import type { LimitRule, Verdict } from '../contracts/stores.ts';
import type { SharedMemory } from './shared-memory.ts';
import { IS_TIME, LOST, STATE, Word } from './slots.ts';
import type { Algorithm } from './slots.ts';
import { milliseconds } from './clock.ts';

/**
 * Token bucket by the generic cell rate algorithm: the state is the time at which the bucket is full again. A token
 * costs a whole number of nanoseconds, rounded up, so that no more than the rate ever passes.
 *
 * Under a changed rate that time stays what it is, but no bucket is ever emptier than empty: what would take longer
 * than the new rate needs to fill the bucket is forgotten.
 */
export class TokenBucket implements Algorithm {
  /** Nanoseconds until the bucket of the last verdict is full. */
  resetNs = 0;
  readonly #int32: Int32Array;
  readonly #int64: BigInt64Array;
  readonly #now: () => number;
  readonly #token: number;
  /** Nanoseconds from empty to full. */
  readonly #depth: number;
  readonly #word = new Word();

  constructor(
    { int32, int64 }: SharedMemory,
    { amount, periodMs, burst }: Pick<LimitRule, 'amount' | 'periodMs' | 'burst'>,
    now: () => number,
  ) {
    this.#int32 = int32;
    this.#int64 = int64;
    this.#now = now;
    this.#token = Math.ceil((periodMs * 1e6) / amount);
    this.#depth = burst * this.#token;
  }

  charge(at: number, hi: number, lo: number, cost: number): Verdict {
    const word = this.#word;
    const now = this.#now();
    for (;;) {
      const state = this.#read(at, hi, lo);
      if (state === null) return LOST;
      const full = Math.max(Math.min(word.float64[0] ?? 0, now + this.#depth), now);
      const verdict = this.#decide(full, now, cost);
      if (verdict < 0) return verdict;
      word.float64[0] = now + this.resetNs;
      if (Atomics.compareExchange(this.#int64, at + STATE, state, word.int64[0] ?? 0n) === state) {
        return verdict;
      }
    }
  }

  begin(at: number, cost: number): Verdict {
    const now = this.#now();
    const verdict = this.#decide(now, now, cost);
    this.#word.float64[0] = Math.max(now + this.resetNs, 2);
    Atomics.store(this.#int64, at + STATE, this.#word.int64[0] ?? 0n);
    return verdict;
  }

  /** Makes a bucket that has no key a full one, unless it is in use already. */
  prepare(at: number): void {
    this.#word.float64[0] = 2;
    Atomics.compareExchange(this.#int64, at + STATE, 0n, this.#word.int64[0] ?? 0n);
  }

  /**
   * Puts tokens back. What time has already put back is not put back twice.
   * @param left Nanoseconds until the bucket would be full again if that take had been the last.
   */
  give(at: number, hi: number, lo: number, cost: number, left: number): void {
    const word = this.#word;
    const back = Math.min(cost * this.#token, Math.ceil(left));
    if (back <= 0) return;
    const now = this.#now();
    for (;;) {
      const state = this.#read(at, hi, lo);
      const full = word.float64[0] ?? 0;
      if (state === null || full <= now) return;
      word.float64[0] = Math.max(Math.min(full, now + this.#depth) - back, now, 2);
      if (Atomics.compareExchange(this.#int64, at + STATE, state, word.int64[0] ?? 0n) === state) return;
    }
  }

  /** The state, in `#word` too; null = the slot has not that key. The key is compared after the state is read. */
  #read(at: number, hi: number, lo: number): bigint | null {
    const state = Atomics.load(this.#int64, at + STATE);
    this.#word.int64[0] = state;
    const isMine = this.#int32[2 * at] === hi && this.#int32[2 * at + 1] === lo;
    return isMine && (this.#word.int32[1] ?? 0) >= IS_TIME ? state : null;
  }

  /** @param full When the bucket is full if nothing is taken. Leaves in `resetNs` when it is after the verdict. */
  #decide(full: number, now: number, cost: number): Verdict {
    const after = full - now + cost * this.#token;
    if (after > this.#depth) {
      this.resetNs = full - now;
      return -milliseconds(after - this.#depth);
    }
    this.resetNs = after;
    return Math.floor((this.#depth - after) / this.#token);
  }
}
