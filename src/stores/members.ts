/**
 * The processes that share a store, as last seen. When Redis is away each enforces its share of every limit, and all
 * shares together are the limit.
 */
export class Members {
  readonly #own: string;
  readonly #least: number;
  readonly #seen = new Map<string, number>();
  #count: number;
  /** Place of this process in the order that all see; -1 = not known. */
  #rank = -1;

  /** @param least How many there are at least, seen or not. */
  constructor(own: string, least: number) {
    this.#own = own;
    this.#least = least;
    this.#count = least;
  }

  /** How many share the limits. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes note of who lives. Who is not named any more is believed a little longer: a Redis that lost its memory
   * names only those who were quick.
   */
  heard(members: readonly string[], now: number, believedMs: number): void {
    for (const member of members) this.#seen.set(member, now);
    for (const [member, at] of this.#seen) if (now - at > believedMs) this.#seen.delete(member);
    this.#count = Math.max(this.#least, this.#seen.size);
    this.#rank = [...this.#seen.keys()].sort().indexOf(this.#own);
  }

  /**
   * This process's whole part of `amount`. What does not divide goes to some of the processes, for every key to
   * others; the parts of all add up to the amount.
   * @param salt A whole number, not negative, that belongs to the key.
   */
  part(amount: number, salt: number): number {
    const whole = Math.floor(amount / this.#count);
    if (this.#rank < 0) return whole;
    return whole + ((this.#rank + salt) % this.#count < amount % this.#count ? 1 : 0);
  }
}
