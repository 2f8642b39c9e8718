/** How many pass in one turn of the event loop; what each costs is 20 us once compiled, and ten times as much before. */
const PER_TURN = 32;
/** How many may wait; whoever finds more is turned away. */
const MAX_WAITING = 4096;

/**
 * Lets callers through in bounded numbers a turn of the event loop, the others in the order of their coming in later turns:
 * what else there is to do never waits for more than one turn's worth of them.
 */
export class Turnstile {
  #left = PER_TURN;
  #isTurning = false;
  readonly #waiting: (() => void)[] = [];

  /** Null = go on; a promise = wait for it, then go on; false = too many wait. */
  enter(): Promise<void> | null | false {
    if (!this.#isTurning) this.#turnSoon();
    if (this.#left > 0) {
      this.#left--;
      return null;
    }
    if (this.#waiting.length >= MAX_WAITING) return false;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #turnSoon(): void {
    this.#isTurning = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#isTurning = false;
    const passing = this.#waiting.splice(0, PER_TURN);
    this.#left = PER_TURN - passing.length;
    for (const pass of passing) pass();
    if (passing.length > 0) this.#turnSoon();
  }
}
