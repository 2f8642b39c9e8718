import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { isPassword, parsePasswordHash } from './password.ts';

export interface DeskOptions {
  /** How many passwords are tried at once: each takes a thread of libuv's pool and tens of megabytes. */
  readonly running?: number;
  /** How many may wait for that. */
  readonly waiting?: number;
  /** How long a good password is remembered, in milliseconds. */
  readonly rememberMs?: number;
}

/** What a name that nobody has is tried against, so that it takes as long as a wrong password. */
const NOBODY = `$scrypt$ln=15,r=8,p=3$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/**
 * Tries passwords off the event loop: equal ones in flight once, no more at a time than threads can be spared, and
 * good ones remembered under a keyed hash, which is of no use outside this process.
 */
export class PasswordDesk {
  readonly #secret = randomBytes(32);
  readonly #known: LRUCache<string, true>;
  readonly #asked = new Map<string, Promise<boolean>>();
  readonly #queue: (() => void)[] = [];
  readonly #limits: { readonly running: number; readonly waiting: number };
  #running = 0;

  constructor({ running = 2, waiting = 32, rememberMs = 300_000 }: DeskOptions = {}) {
    this.#limits = { running, waiting };
    this.#known = new LRUCache({ max: 10_000, ttl: rememberMs });
  }

  /** Whether the password was found to fit this hash not long ago. */
  isKnown(password: string, hash: string | undefined): boolean {
    return hash !== undefined && this.#known.has(this.#tag(password, hash));
  }

  /** Whether the password fits; null = too many wait already. The promise does not reject. */
  ask(password: string, hash: string | undefined): Promise<boolean> | null {
    const tag = this.#tag(password, hash ?? NOBODY);
    const asked = this.#asked.get(tag);
    if (asked !== undefined) return asked;
    if (this.#queue.length >= this.#limits.waiting) return null;
    const answer = this.#try(password, hash ?? NOBODY).then((good) => {
      this.#asked.delete(tag);
      if (good) this.#known.set(tag, true);
      return good;
    });
    this.#asked.set(tag, answer);
    return answer;
  }

  async #try(password: string, hash: string): Promise<boolean> {
    if (this.#running >= this.#limits.running) await new Promise<void>((go) => void this.#queue.push(go));
    this.#running++;
    try {
      return await isPassword(password, parsePasswordHash(hash));
    } catch {
      return false;
    } finally {
      this.#running--;
      this.#queue.shift()?.();
    }
  }

  #tag(password: string, hash: string): string {
    return createHmac('sha256', this.#secret).update(`${hash}\0${password}`).digest('base64url');
  }
}
