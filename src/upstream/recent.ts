const SECONDS = 10;

/** How often something happened in the last ten seconds, to a second. */
export class Recent {
  readonly #slots = new Float64Array(SECONDS);
  /** The second that is being counted. */
  #second = 0;
  #sum = 0;

  /** @param now Milliseconds of any clock that does not run backwards. */
  add(now: number): void {
    this.#turn(now);
    this.#slots[this.#second % SECONDS]! += 1;
    this.#sum += 1;
  }

  count(now: number): number {
    this.#turn(now);
    return this.#sum;
  }

  #turn(now: number): void {
    const second = Math.floor(now / 1000);
    if (second === this.#second) return;
    // A clock that stood still for longer than the ring needs every slot once, not more.
    let at = Math.max(this.#second, second - SECONDS);
    while (at < second) {
      const slot = ++at % SECONDS;
      this.#sum -= this.#slots[slot]!;
      this.#slots[slot] = 0;
    }
    this.#second = second;
  }
}

/** Seconds that a `Recent` looks back. */
export const RECENT_SECONDS = SECONDS;
