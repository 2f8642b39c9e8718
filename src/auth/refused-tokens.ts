import { SLOTS, slotOf } from './token-digest.ts';

/** Hex digits of a number that holds them exactly. */
const DIGITS = 13;

/**
 * Tokens that no key has signed, by 104 bits of a digest. One that comes takes the place of another.
 * It lives in arrays of numbers that are never let go: thousands of entries a second that outlive the next garbage
 * collection would make every collection a long one, for everybody.
 */
export class RefusedTokens {
  readonly #high = new Float64Array(SLOTS);
  readonly #low = new Float64Array(SLOTS);
  readonly #until = new Float64Array(SLOTS);
  #epoch = 0;

  /** Another one as soon as keys have changed. */
  get epoch(): number {
    return this.#epoch;
  }

  /** Whether the token of that digest was refused, at `now` in milliseconds since 1970. */
  has(digest: string, now: number): boolean {
    const slot = slotOf(digest);
    if (now >= this.#until[slot]!) return false;
    return this.#high[slot] === part(digest, 0) && this.#low[slot] === part(digest, 1);
  }

  /** Remembers it until `until`, unless keys have changed since `epoch`, when its check began. */
  add(digest: string, until: number, epoch: number): void {
    if (epoch !== this.#epoch) return;
    const slot = slotOf(digest);
    this.#high[slot] = part(digest, 0);
    this.#low[slot] = part(digest, 1);
    this.#until[slot] = until;
  }

  /** Keys have changed: a new one may have signed what none of the old ones has. */
  forget(): void {
    this.#epoch++;
    this.#until.fill(0);
  }
}

const part = (digest: string, number: number): number =>
  parseInt(digest.slice(number * DIGITS, (number + 1) * DIGITS), 16);
