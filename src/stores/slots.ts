import type { Verdict } from '../contracts/stores.ts';
import { PROBES, SLOT_SIZE } from './layout.ts';
import { Locks } from './locks.ts';
import type { SharedMemory } from './shared-memory.ts';

/** An answer that is no verdict: the key has no slot. */
export const LOST = NaN;
/** The verdict where nobody can know better: to ask again after a second. */
export const SOON: Verdict = -1_000;

/** 64-bit words of a slot: its key, its state, and what else `windows.ts` keeps. */
export const STATE = 1;
export const UNTIL = 2;
export const PERIOD = 3;

/** A state is the time of a token bucket, as a Float64 of at least 2: this bit of its upper half is set. */
export const IS_TIME = 0x4000_0000;

/** One 64-bit word as BigInt, number and halves: what `Atomics` want, without making BigInts from numbers. */
export class Word {
  readonly int64: BigInt64Array;
  readonly float64: Float64Array;
  /** Lower half, upper half. */
  readonly int32: Int32Array;

  constructor() {
    const buffer = new ArrayBuffer(8);
    this.int64 = new BigInt64Array(buffer);
    this.float64 = new Float64Array(buffer);
    this.int32 = new Int32Array(buffer);
  }
}

/** How a bucket counts. `at` is the place of its slot in 64-bit words. */
export interface Algorithm {
  /** Takes from a slot that holds the key, by one CAS; `LOST` = it does not hold it (any more). */
  charge(at: number, hi: number, lo: number, cost: number): Verdict;
  /**
   * Fills a slot that this worker has claimed; the state last. The clock must be read in it: with a time from
   * before the search, a bucket that was given away meanwhile would begin again in the past.
   */
  begin(at: number, cost: number): Verdict;
}

/**
 * Buckets by key in shared memory. A key lives in one of the `PROBES` slots from its home on. Whoever finds it there
 * charges it without a lock; a key that is not there gets a slot whose bucket is full again, so that nothing is
 * forgotten. The lock of its stripe keeps one key from getting two slots.
 *
 * Why it is sound: a state is read before the key is compared and changed by CAS only, so the CAS fails if the
 * slot went to another key in between. A state that is negative is claimed by worker `-state - 1`.
 */
export class Slots {
  readonly #memory: SharedMemory;
  readonly #locks: Locks;
  readonly #claim: bigint;
  readonly #now: () => number;
  readonly #first: number;
  readonly #count: number;
  readonly #word = new Word();

  /** @param worker Number of this worker in this memory. */
  constructor(memory: SharedMemory, worker: number, now: () => number) {
    this.#memory = memory;
    this.#locks = new Locks(memory, worker + 1);
    this.#claim = BigInt(-(worker + 1));
    this.#now = now;
    this.#first = memory.layout.slots / 8;
    this.#count = memory.layout.slotCount;
  }

  /** @returns The verdict, or `LOST` when there is no room for the key just now. */
  take(algorithm: Algorithm, hi: number, lo: number, cost: number): Verdict {
    const at = this.find(hi, lo);
    if (at >= 0) {
      const verdict = algorithm.charge(at, hi, lo, cost);
      if (!Number.isNaN(verdict)) return verdict;
    }
    return this.#enter(algorithm, hi, lo, cost);
  }

  /** Place of the slot with that key; -1 = none. It may be somebody else's at once. */
  find(hi: number, lo: number): number {
    const { int32 } = this.#memory;
    let slot = (lo >>> 0) % this.#count;
    for (let i = 0; i < PROBES; i++) {
      const at = this.#first + slot * (SLOT_SIZE / 8);
      if (int32[2 * at] === hi && int32[2 * at + 1] === lo) return at;
      if (++slot === this.#count) slot = 0;
    }
    return -1;
  }

  #enter(algorithm: Algorithm, hi: number, lo: number, cost: number): Verdict {
    const stripe = (lo >>> 0) % this.#count;
    // Its owner is stopped, or dead and soon cleared away. Only a refusal is safe: the key may have a slot by then.
    if (!this.#locks.take(stripe)) return SOON;
    try {
      const found = this.find(hi, lo);
      const verdict = found < 0 ? LOST : algorithm.charge(found, hi, lo, cost);
      if (!Number.isNaN(verdict)) return verdict;
      const at = this.#claimOne(hi, lo);
      return at < 0 ? LOST : algorithm.begin(at, cost);
    } finally {
      this.#locks.free(stripe);
    }
  }

  /** A slot that nobody needs any more, with the key in it; -1 = every one is in use. */
  #claimOne(hi: number, lo: number): number {
    const { int32, int64 } = this.#memory;
    const now = this.#now();
    let slot = (lo >>> 0) % this.#count;
    for (let i = 0; i < PROBES; i++) {
      const at = this.#first + slot * (SLOT_SIZE / 8);
      const state = Atomics.load(int64, at + STATE);
      if (this.#isIdle(at, state, now)) {
        if (Atomics.compareExchange(int64, at + STATE, state, this.#claim) === state) {
          Atomics.store(int32, 2 * at, hi);
          Atomics.store(int32, 2 * at + 1, lo);
          return at;
        }
      }
      if (++slot === this.#count) slot = 0;
    }
    return -1;
  }

  #isIdle(at: number, state: bigint, now: number): boolean {
    const { int64, float64, int32 } = this.#word;
    int64[0] = state;
    const upper = int32[1] ?? 0;
    if (upper < 0) return false;
    if (upper >= IS_TIME) return (float64[0] ?? 0) <= now;
    return (this.#memory.float64[at + UNTIL] ?? 0) <= now;
  }
}
