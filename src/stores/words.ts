import type { SharedWords } from '../contracts/stores.ts';
import { KeyHash } from './key-hash.ts';
import { WORDS } from './layout.ts';
import type { SharedMemory } from './shared-memory.ts';

/**
 * Words by identity in memory that workers share. A place is claimed by one CAS and belongs to its identity until
 * the node ends, so that nothing can be lost or torn; there are enough for every identity that a configuration can
 * name, and an identity that finds none gets words of this process alone.
 */
export class WordDirectory implements SharedWords {
  readonly #memory: SharedMemory;
  readonly #hash: KeyHash;
  readonly #full: () => void;
  readonly #own = new PrivateWords();

  /** @param full Told whenever an identity gets words that are not shared. */
  constructor(memory: SharedMemory, full: () => void) {
    this.#memory = memory;
    this.#hash = new KeyHash(memory.seed, 'words');
    this.#full = full;
  }

  words(identity: string): BigInt64Array {
    const { int64, layout } = this.#memory;
    this.#hash.of(identity);
    // 0 stands for a free place.
    const key = (BigInt(this.#hash.hi) << 32n) | BigInt(this.#hash.lo >>> 0) || 1n;
    const home = (this.#hash.lo >>> 0) % layout.wordCount;
    for (let i = 0; i < layout.wordCount; i++) {
      const place = (home + i) % layout.wordCount;
      const was = Atomics.compareExchange(int64, layout.wordKeys / 8 + place, 0n, key);
      if (was === 0n || was === key) {
        const at = layout.words / 8 + place * WORDS;
        return int64.subarray(at, at + WORDS);
      }
    }
    this.#full();
    return this.#own.words(identity);
  }
}

/** Words of this process alone. */
export class PrivateWords implements SharedWords {
  readonly #all = new Map<string, BigInt64Array>();

  words(identity: string): BigInt64Array {
    let words = this.#all.get(identity);
    if (words === undefined) this.#all.set(identity, (words = new BigInt64Array(WORDS)));
    return words;
  }
}
