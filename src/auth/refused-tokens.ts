import type { VerifyKey } from './keys.ts';
import { SLOTS, slotOf } from './token-digest.ts';

/** Hex digits of a number that holds them exactly. */
const DIGITS = 13;

/**
 * Tokens whose signature was found to be bad, by 104 bits of a digest. One that comes takes the place of another.
 * It lives in arrays of numbers that are never let go: thousands of entries a second that outlive the next garbage
 * collection would make every collection a long one, for everybody.
 */
export class RefusedTokens {
  readonly #high = new Float64Array(SLOTS);
  readonly #low = new Float64Array(SLOTS);
  readonly #until = new Float64Array(SLOTS);
  readonly #keys = new Array<VerifyKey | null>(SLOTS).fill(null);

  /** Whether the token of that digest was refused by a key that still counts, at `now` in milliseconds since 1970. */
  has(digest: string, now: number): boolean {
    const slot = slotOf(digest);
    if (now >= this.#until[slot]! || this.#keys[slot]?.live !== true) return false;
    return this.#high[slot] === part(digest, 0) && this.#low[slot] === part(digest, 1);
  }

  /** Remembers it until `until`, as long as `key` counts. */
  add(digest: string, key: VerifyKey, until: number): void {
    const slot = slotOf(digest);
    this.#high[slot] = part(digest, 0);
    this.#low[slot] = part(digest, 1);
    this.#until[slot] = until;
    this.#keys[slot] = key;
  }
}

const part = (digest: string, number: number): number =>
  parseInt(digest.slice(number * DIGITS, (number + 1) * DIGITS), 16);
