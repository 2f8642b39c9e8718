import type { SharedWords } from '../contracts/stores.ts';

const WORDS = 8;

/** Words of this process alone: where memory cannot be shared, and where a configuration is only checked. */
export class OwnWords implements SharedWords {
  readonly #all = new Map<string, BigInt64Array>();

  words(identity: string): BigInt64Array {
    let words = this.#all.get(identity);
    if (words === undefined) this.#all.set(identity, (words = new BigInt64Array(WORDS)));
    return words;
  }
}
