/** Keys that are remembered at once; a client may choose them, so there is an end. */
const MOST = 50_000;

/** Milliseconds that an idle key is remembered, at least and at most. */
const SHORT = 30_000;
const LONG = 3_600_000;

/**
 * What is known of the keys of one limit. Idle keys are forgotten when what is known of them has lost its meaning, the
 * least recent ones earlier when there are too many.
 */
export class KeyTable<T> {
  /** Those that hold a lease; they are not forgotten by whoever holds them. */
  readonly leased = new Set<T>();
  /** Those that have something to tell Redis: see `owe`. */
  readonly owing = new Set<T>();
  #young = new Map<string, T>();
  #old = new Map<string, T>();
  #forgetAt = 0;

  get(name: string): T | undefined {
    const found = this.#young.get(name);
    if (found !== undefined) return found;
    const old = this.#old.get(name);
    if (old !== undefined) this.add(name, old);
    return old;
  }

  add(name: string, key: T): void {
    if (this.#young.size >= MOST) this.#turn();
    this.#young.set(name, key);
  }

  /** Remembers that the key has something to tell Redis, unless too many have. */
  owe(key: T): void {
    if (this.owing.size < 2 * MOST) this.owing.add(key);
  }

  /** Forgets keys that nobody asked for in `idle` milliseconds or a little more. Called often. */
  forget(now: number, idle: number): void {
    if (now < this.#forgetAt) return;
    this.#forgetAt = now + Math.min(LONG, Math.max(SHORT, idle));
    this.#turn();
  }

  #turn(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }
}
