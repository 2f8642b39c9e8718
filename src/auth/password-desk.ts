import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Verifier } from '../contracts/auth.ts';

/** How long a good password is remembered, in milliseconds. */
const REMEMBERED_MS = 300_000;

/**
 * Has passwords tried by threads: equal ones in flight once, and good ones remembered under a keyed hash, which is of
 * no use outside this process.
 */
export class PasswordDesk {
  readonly #verifier: Pick<Verifier, 'password'>;
  readonly #secret = randomBytes(32);
  readonly #known: LRUCache<string, true>;
  readonly #asked = new Map<string, Promise<boolean | null>>();

  constructor(verifier: Pick<Verifier, 'password'>, rememberMs = REMEMBERED_MS) {
    this.#verifier = verifier;
    this.#known = new LRUCache({ max: 10_000, ttl: rememberMs });
  }

  /** Whether the password was found to fit this hash not long ago. */
  isKnown(password: string, hash: string): boolean {
    return this.#known.has(this.#tag(password, hash));
  }

  /** Whether the password fits; null = it cannot be told now. The promise does not reject. */
  ask(password: string, hash: string): Promise<boolean | null> | null {
    const tag = this.#tag(password, hash);
    const asked = this.#asked.get(tag);
    if (asked !== undefined) return asked;
    const trying = this.#verifier.password(password, hash);
    if (trying === null) return null;
    const answer = trying.then((good) => {
      this.#asked.delete(tag);
      if (good === true) this.#known.set(tag, true);
      return good;
    });
    this.#asked.set(tag, answer);
    return answer;
  }

  #tag(password: string, hash: string): string {
    return createHmac('sha256', this.#secret).update(`${hash}\0${password}`).digest('base64url');
  }
}
