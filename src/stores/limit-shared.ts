import type { Bucket, LimitRule, LimitStore, Verdict } from '../contracts/stores.ts';
import { clockFrom } from './clock.ts';
import { KeyHash } from './key-hash.ts';
import { Lanes } from './lanes.ts';
import type { SharedMemory } from './shared-memory.ts';
import { Slots, SOON } from './slots.ts';
import { TokenBucket } from './token-bucket.ts';
import { Windows } from './windows.ts';
import { WordDirectory } from './words.ts';

export interface SharedLimitsOptions {
  readonly memory: SharedMemory;
  /** Number of this process among those that share the memory. */
  readonly worker: number;
  /** Told of each decision that was made without a bucket of the key's own, because there was no room for one. */
  readonly full: () => void;
  /**
   * Among how many a limit is divided that know nothing of each other; default 1. Rates are divided exactly, what is
   * counted in whole numbers is rounded down, and everyone has at least 1.
   */
  readonly share?: number;
  /** Nanoseconds since the memory's epoch, never going back; default: the system's monotonic clock. */
  readonly now?: () => number;
}

/** Everything that the buckets of one process use. */
interface Counted {
  readonly memory: SharedMemory;
  readonly slots: Slots;
  readonly lanes: Lanes;
  readonly directory: WordDirectory;
  readonly now: () => number;
  readonly full: () => void;
  readonly share: number;
}

/**
 * Limits counted in memory that all workers of a node share: exact over all of them, and never waiting. A bucket is
 * found by its rule's id, algorithm and key alone, so whatever else changes in a configuration keeps it.
 */
export class SharedLimits implements LimitStore {
  readonly #counted: Counted;

  constructor({ memory, worker, full, share = 1, now = clockFrom(memory.epoch) }: SharedLimitsOptions) {
    this.#counted = {
      memory,
      slots: new Slots(memory, worker, now),
      lanes: new Lanes(memory, worker),
      directory: new WordDirectory(memory, () => undefined),
      now,
      full,
      share,
    };
  }

  bucket(rule: LimitRule): Bucket {
    const { algorithm, id } = rule;
    const hash = new KeyHash(this.#counted.memory.seed, `${algorithm} ${id}`);
    if (algorithm === 'concurrency') return new InFlight(this.#counted, hash, rule);
    return new Rated(this.#counted, hash, rule);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const shareOf = (whole: number, share: number): number => Math.max(Math.floor(whole / share), 1);

/** So many per time. */
class Rated implements Bucket {
  readonly #slots: Slots;
  readonly #hash: KeyHash;
  readonly #algorithm: TokenBucket | Windows;
  readonly #full: () => void;
  /** Place of the bucket that keys without one of their own share; -1 = there is none. */
  readonly #common: number;

  constructor({ memory, slots, directory, now, full, share }: Counted, hash: KeyHash, rule: LimitRule) {
    this.#slots = slots;
    this.#hash = hash;
    this.#full = full;
    const divided = {
      ...rule,
      burst: shareOf(rule.burst, share),
      amount: rule.algorithm === 'token-bucket' ? rule.amount / share : shareOf(rule.amount, share),
    };
    this.#algorithm =
      rule.algorithm === 'token-bucket'
        ? new TokenBucket(memory, divided, now)
        : new Windows(memory, divided, now);
    this.#common = this.#openCommon(directory, memory, `limit ${rule.algorithm} ${rule.id}`);
  }

  #openCommon(directory: WordDirectory, memory: SharedMemory, identity: string): number {
    const words = directory.words(identity);
    if (words.buffer !== memory.int64.buffer) return -1;
    const at = words.byteOffset / 8;
    this.#algorithm.prepare(at);
    return at;
  }

  take(key: string, cost: number): Verdict {
    const hash = this.#hash;
    hash.of(key);
    const verdict = this.#slots.take(this.#algorithm, hash.hi, hash.lo, cost);
    return Number.isNaN(verdict) ? this.#takeCommon(cost) : verdict;
  }

  /** There is no room for the key: it shares one bucket of this limit with all others in the same need. */
  #takeCommon(cost: number): Verdict {
    this.#full();
    const verdict = this.#common < 0 ? NaN : this.#algorithm.charge(this.#common, 0, 0, cost);
    return Number.isNaN(verdict) ? SOON : verdict;
  }

  give(key: string, cost: number, leftMs = Infinity): void {
    this.#hash.of(key);
    const { hi, lo } = this.#hash;
    const at = this.#slots.find(hi, lo);
    if (at >= 0) this.#algorithm.give(at, hi, lo, cost, leftMs * 1e6);
  }

  resetMs(): number {
    return this.#algorithm.resetNs / 1e6;
  }
}

/** So many at once. */
class InFlight implements Bucket {
  readonly #lanes: Lanes;
  readonly #hash: KeyHash;
  readonly #amount: number;
  readonly #full: () => void;

  constructor({ lanes, full, share }: Counted, hash: KeyHash, rule: LimitRule) {
    this.#lanes = lanes;
    this.#hash = hash;
    this.#amount = shareOf(rule.amount, share);
    this.#full = full;
  }

  take(key: string, cost: number): Verdict {
    this.#hash.of(key);
    const left = this.#lanes.take(this.#hash.hi, this.#hash.lo, cost, this.#amount);
    if (!Number.isNaN(left)) return left;
    this.#full();
    return SOON;
  }

  give(key: string, cost: number): void {
    this.#hash.of(key);
    this.#lanes.give(this.#hash.hi, this.#hash.lo, cost);
  }

  resetMs(): number {
    return 0;
  }
}
