import type { LimitRule, Verdict } from '../contracts/stores.ts';
import { milliseconds } from './clock.ts';
import type { SharedMemory } from './shared-memory.ts';
import { LOST, PERIOD, STATE, UNTIL, Word } from './slots.ts';
import type { Algorithm } from './slots.ts';

/** Largest amount that a window can count. */
export const MOST = 0xff_ffff;

/** A state that counts: below every time, above 0. */
const IS_COUNT = 0x2000_0000;
/** Of a window's number, this much is in the state; `UNTIL` tells a window from its like 8,192 windows ago. */
const NUMBERS = 0x1fff;

/**
 * Sliding and fixed windows. The state is the number of a window, what it counted (24 bits) and what the one before
 * counted (24 bits): it changes as one. A sliding window weighs the one before by how much of it is still within
 * one period. Windows follow the monotonic clock, not the time of day.
 *
 * The period is kept beside the state. Under a changed one the counts are carried into the present window: a bucket
 * may refuse for one period too long, and never too short.
 */
export class Windows implements Algorithm {
  /** Nanoseconds until the window of the last verdict ends. */
  resetNs = 0;
  readonly #memory: SharedMemory;
  readonly #now: () => number;
  readonly #amount: number;
  readonly #period: number;
  readonly #isSliding: boolean;
  readonly #word = new Word();
  /** The window of the last `#begin`, and how much of it has passed. */
  #number = 0;
  #passed = 0;
  #previous = 0;
  #current = 0;

  constructor(memory: SharedMemory, { amount, periodMs, algorithm }: LimitRule, now: () => number) {
    if (amount > MOST) {
      throw new Error(`a ${algorithm} counts to ${MOST}, not to ${amount}: use a token bucket`);
    }
    this.#memory = memory;
    this.#now = now;
    this.#amount = amount;
    this.#period = periodMs * 1e6;
    this.#isSliding = algorithm === 'sliding-window';
  }

  charge(at: number, hi: number, lo: number, cost: number): Verdict {
    for (;;) {
      const state = this.#read(at, hi, lo);
      if (state === null) return LOST;
      const verdict = this.#decide(cost);
      if (verdict < 0) {
        if (this.#memory.float64[at + PERIOD] !== this.#period) this.#write(at, state);
        return verdict;
      }
      this.#current += cost;
      if (this.#write(at, state)) return verdict;
    }
  }

  begin(at: number, cost: number): Verdict {
    this.#look();
    this.#previous = 0;
    this.#current = 0;
    const verdict = this.#decide(cost);
    if (verdict >= 0) this.#current = cost;
    const { int64, float64 } = this.#memory;
    float64[at + UNTIL] = this.#end();
    float64[at + PERIOD] = this.#period;
    Atomics.store(int64, at + STATE, this.#pack());
    return verdict;
  }

  prepare(at: number): void {
    const { int64, float64 } = this.#memory;
    if (Atomics.load(int64, at + STATE) !== 0n) return;
    this.#look();
    this.#previous = 0;
    this.#current = 0;
    float64[at + PERIOD] = this.#period;
    Atomics.compareExchange(int64, at + STATE, 0n, this.#pack());
  }

  /**
   * Counts back in the window in which it was taken, while that matters.
   * @param left Nanoseconds until that window ends, below 0 when it has ended.
   */
  give(at: number, hi: number, lo: number, cost: number, left: number): void {
    if (left <= -this.#period) return;
    for (;;) {
      const state = this.#read(at, hi, lo);
      if (state === null) return;
      if (left > 0) this.#current = Math.max(this.#current - cost, 0);
      else this.#previous = Math.max(this.#previous - cost, 0);
      if (this.#write(at, state)) return;
    }
  }

  /** Reads the clock. */
  #look(): void {
    const now = this.#now();
    this.#number = Math.floor(now / this.#period);
    this.#passed = now - this.#number * this.#period;
  }

  /** The state, and what it says about the present window; null = the slot has not that key. */
  #read(at: number, hi: number, lo: number): bigint | null {
    const { int32, int64, float64 } = this.#memory;
    const state = Atomics.load(int64, at + STATE);
    this.#word.int64[0] = state;
    const upper = this.#word.int32[1] ?? 0;
    if (int32[2 * at] !== hi || int32[2 * at + 1] !== lo) return null;
    if (upper < IS_COUNT || upper >= 2 * IS_COUNT) return null;
    // After the state: the clock is never behind the one that wrote it.
    this.#look();
    this.#unpack(upper, this.#word.int32[0] ?? 0);
    const isDue = (float64[at + UNTIL] ?? 0) > this.#number * this.#period + this.#passed;
    if (float64[at + PERIOD] !== this.#period) {
      this.#current = isDue ? Math.min(this.#previous + this.#current, this.#amount) : 0;
      this.#previous = 0;
      return state;
    }
    const age = (this.#number - (upper >> 16)) & NUMBERS;
    if (!isDue || age > 1) this.#current = this.#previous = 0;
    else if (age === 1) {
      this.#previous = this.#current;
      this.#current = 0;
    }
    return state;
  }

  /** False = somebody else has changed it. */
  #write(at: number, state: bigint): boolean {
    const { int64, float64 } = this.#memory;
    // First of all, and only ever later: a slot is not given away while its counts matter.
    this.#keepUntil(at);
    if (Atomics.compareExchange(int64, at + STATE, state, this.#pack()) !== state) return false;
    if (float64[at + PERIOD] !== this.#period) float64[at + PERIOD] = this.#period;
    return true;
  }

  #keepUntil(at: number): void {
    const { int64, float64 } = this.#memory;
    const end = this.#end();
    while ((float64[at + UNTIL] ?? 0) < end) {
      const was = Atomics.load(int64, at + UNTIL);
      this.#word.int64[0] = was;
      if ((this.#word.float64[0] ?? 0) >= end) return;
      this.#word.float64[0] = end;
      Atomics.compareExchange(int64, at + UNTIL, was, this.#word.int64[0] ?? 0n);
    }
  }

  /** When the counts of the present window stop to matter. */
  #end(): number {
    return (this.#number + (this.#isSliding ? 2 : 1)) * this.#period;
  }

  #pack(): bigint {
    const { int32, int64 } = this.#word;
    int32[1] = IS_COUNT | ((this.#number & NUMBERS) << 16) | (this.#previous >>> 8);
    int32[0] = (this.#previous << 24) | this.#current;
    return int64[0] ?? 0n;
  }

  #unpack(upper: number, lower: number): void {
    this.#previous = ((upper & 0xffff) << 8) | (lower >>> 24);
    this.#current = lower & MOST;
  }

  #decide(cost: number): Verdict {
    const left = this.#period - this.#passed;
    this.resetNs = left;
    const previous = this.#isSliding ? this.#previous : 0;
    const spare = this.#amount - this.#current - cost;
    // Multiplied, not divided: whole numbers, so that what passes now and what is told to wait agree.
    if (spare >= 0 && previous * left <= spare * this.#period) {
      return Math.floor(spare - (previous * left) / this.#period);
    }
    return -Math.max(milliseconds(this.#wait(previous, spare, left)), 1);
  }

  /** Nanoseconds until there is room. @param spare What would be left of the amount without the window before. */
  #wait(previous: number, spare: number, left: number): number {
    if (spare >= 0) return left - Math.floor((spare * this.#period) / previous);
    // Not in this window; in the next one its count weighs less and less.
    const current = this.#isSliding ? this.#current : 0;
    const then = Math.max(spare + this.#current, 0);
    if (current <= then) return left;
    return left + this.#period - Math.floor((then * this.#period) / current);
  }
}
