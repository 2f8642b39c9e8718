/** Keys that are remembered at once; a client may choose them, so there is an end. */
const MOST = 50_000;

/**
 * What is known of the keys of one limit. Keys that nobody asked for between two turns are forgotten, and so are the
 * least recent ones when there are too many.
 */
export class KeyTable<T> {
  /** Those that hold a lease; they are not forgotten by whoever holds them. */
  readonly leased = new Set<T>();
  /** Those that have something to tell Redis. */
  readonly owing = new Set<T>();
  #young = new Map<string, T>();
  #old = new Map<string, T>();

  get(name: string): T | undefined {
    const found = this.#young.get(name);
    if (found !== undefined) return found;
    const old = this.#old.get(name);
    if (old !== undefined) this.add(name, old);
    return old;
  }

  add(name: string, key: T): void {
    if (this.#young.size >= MOST) this.turn();
    this.#young.set(name, key);
  }

  /** Forgets what was not asked for since the last turn. */
  turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
