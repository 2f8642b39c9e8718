import type { Verdict } from '../contracts/stores.ts';
import { PROBES, RECORD_HEAD } from './layout.ts';
import { Locks } from './locks.ts';
import type { SharedMemory } from './shared-memory.ts';
import { LOST, SOON } from './slots.ts';

/** Int32 words of a record: key, who is giving it to another key (0 = nobody), then a lane for each worker. */
const OWNER = 2;
const LANE = RECORD_HEAD / 4;

const SPINS = 5_000;
/** Two that add at the same moment may both see too many: how often they look again. */
const ROUNDS = 8;

/**
 * Requests in flight by key. Each worker counts in a lane of its own, so that the primary can take back what a dead
 * one held. Whoever comes adds first and sums up then: the last of those who are in has seen all the others, so
 * never are more in than may be.
 *
 * A record whose lanes are all 0 can go to another key: its giver marks it, looks at the lanes, and then writes the
 * key. One who adds meanwhile looks at mark and key after adding, so that one of the two sees the other.
 */
export class Lanes {
  readonly #int32: Int32Array;
  readonly #locks: Locks;
  readonly #worker: number;
  readonly #workers: number;
  readonly #first: number;
  readonly #size: number;
  readonly #count: number;

  constructor(memory: SharedMemory, worker: number) {
    const { layout } = memory;
    this.#int32 = memory.int32;
    this.#locks = new Locks(memory, worker + 1);
    this.#worker = worker;
    this.#workers = memory.workers;
    this.#first = layout.records / 4;
    this.#size = layout.recordSize / 4;
    this.#count = layout.recordCount;
  }

  /** @returns How many more may come in; below 0 = not in; `LOST` = there is no room for the key just now. */
  take(hi: number, lo: number, cost: number, amount: number): Verdict {
    const at = this.#find(hi, lo);
    if (at >= 0) {
      const left = this.#add(at, hi, lo, cost, amount);
      if (!Number.isNaN(left)) return left;
    }
    const stripe = (lo >>> 0) % this.#count;
    if (!this.#locks.take(stripe)) return SOON;
    try {
      return this.#enter(hi, lo, cost, amount);
    } finally {
      this.#locks.free(stripe);
    }
  }

  /** Takes back what this worker added; never what it has not. */
  give(hi: number, lo: number, cost: number): void {
    const at = this.#find(hi, lo);
    if (at < 0) return;
    const lane = at + LANE + this.#worker;
    Atomics.sub(this.#int32, lane, Math.min(cost, Atomics.load(this.#int32, lane)));
  }

  #find(hi: number, lo: number): number {
    const int32 = this.#int32;
    let record = (lo >>> 0) % this.#count;
    for (let i = 0; i < PROBES; i++) {
      const at = this.#first + record * this.#size;
      if (int32[at] === hi && int32[at + 1] === lo) return at;
      if (++record === this.#count) record = 0;
    }
    return -1;
  }

  #add(at: number, hi: number, lo: number, cost: number, amount: number): Verdict {
    const int32 = this.#int32;
    const lane = at + LANE + this.#worker;
    for (let round = 1; ; round++) {
      Atomics.add(int32, lane, cost);
      const isKept = Atomics.load(int32, at + OWNER) === 0 && int32[at] === hi && int32[at + 1] === lo;
      const left = amount - this.#sum(at);
      if (isKept && left >= 0) return left;
      Atomics.sub(int32, lane, cost);
      if (!isKept) return LOST;
      if (round === ROUNDS || this.#sum(at) + cost > amount) return SOON;
      // Not all at the same pace.
      for (let i = this.#worker * round * 10; i > 0; i--) Atomics.load(int32, lane);
    }
  }

  #sum(at: number): number {
    let sum = 0;
    for (let i = 0; i < this.#workers; i++) sum += Atomics.load(this.#int32, at + LANE + i);
    return sum;
  }

  /** Under the lock: nobody else brings in this key. */
  #enter(hi: number, lo: number, cost: number, amount: number): Verdict {
    const int32 = this.#int32;
    const found = this.#find(hi, lo);
    if (found >= 0) {
      for (let i = 0; i < SPINS && Atomics.load(int32, found + OWNER) !== 0; i++);
      const left = this.#add(found, hi, lo, cost, amount);
      if (!Number.isNaN(left)) return left;
      // Marked still: it may yet stay with this key.
      if (int32[found] === hi && int32[found + 1] === lo) return SOON;
    }
    let record = (lo >>> 0) % this.#count;
    for (let i = 0; i < PROBES; i++) {
      const at = this.#first + record * this.#size;
      // Lost again: still empty, it was given on to yet another key.
      const left = this.#rename(at, hi, lo) ? this.#add(at, hi, lo, cost, amount) : LOST;
      if (!Number.isNaN(left)) return left;
      if (++record === this.#count) record = 0;
    }
    return LOST;
  }

  /** Gives a record that nobody is in to a key. */
  #rename(at: number, hi: number, lo: number): boolean {
    const int32 = this.#int32;
    if (Atomics.compareExchange(int32, at + OWNER, 0, this.#worker + 1) !== 0) return false;
    const isEmpty = this.#sum(at) === 0;
    if (isEmpty) {
      Atomics.store(int32, at, hi);
      Atomics.store(int32, at + 1, lo);
    }
    Atomics.store(int32, at + OWNER, 0);
    return isEmpty;
  }
}
