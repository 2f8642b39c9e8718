import type { Facts, FactValues } from '../contracts/facts.ts';
import { readJwk, VerifyKey } from './keys.ts';

/** More keys than this are not tried for a token that names none: each costs a forged token's check of a signature. */
const MOST_TRIED = 16;

/** The keys of one issuer. */
export interface KeySet {
  /** Keys that may have signed, the likeliest first; null = the keys are not known yet. */
  find(kid: string | undefined, algorithm: string): readonly VerifyKey[] | null;
  /** Whether a key that is not found is none of the issuer's: false = that could not be found out in time. */
  settled(now: number): boolean | Promise<boolean>;
}

/** Keys that fit an algorithm and are named by the token, or not named by the set; all that fit when it names none. */
function choose(
  keys: readonly VerifyKey[],
  kid: string | undefined,
  algorithm: string,
  named: boolean,
): VerifyKey[] {
  return keys
    .filter((key) => key.algorithms.has(algorithm))
    .filter((key) => kid === undefined || key.kid === kid || (!named && key.kid === null))
    .slice(0, MOST_TRIED);
}

/** Keys from the configuration: PEM, secret, inline set. A key without a name is tried whatever the token names. */
export function fixedKeys(keys: readonly VerifyKey[]): KeySet {
  return { find: (kid, algorithm) => choose(keys, kid, algorithm, false), settled: () => true };
}

/** Longest wait of a request for a key that may be new. */
const PATIENCE_MS = 1_000;
/** More requests than this do not wait at the same time. */
const MOST_WAITING = 1_000;

/** Requests that wait for the primary's answer together. */
class Wait {
  count = 0;
  end: () => void = () => undefined;
  /** Whether there was one. */
  readonly over = new Promise<boolean>((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS, false);
    this.end = () => {
      clearTimeout(timer);
      resolve(true);
    };
  });
}

/** The keys at a URL, as the primary has fetched them; one per URL and process. */
export class RemoteKeys implements KeySet {
  readonly #url: string;
  readonly #facts: Facts;
  #keys: readonly VerifyKey[] | null = null;
  #askAgainAt = 0;
  #current = false;
  #waiting: Wait | null = null;

  constructor(url: string, facts: Facts) {
    this.#url = url;
    this.#facts = facts;
    const known = facts.get('jwks', url);
    if (known !== undefined) this.#take(known);
    facts.on('jwks', (id, value) => {
      if (id === url && value !== null) this.#take(value);
    });
  }

  find(kid: string | undefined, algorithm: string): readonly VerifyKey[] | null {
    return this.#keys === null ? null : choose(this.#keys, kid, algorithm, true);
  }

  settled(now: number): boolean | Promise<boolean> {
    if (this.#keys !== null && now < this.#askAgainAt) return this.#current;
    let wait = this.#waiting;
    if (wait === null) {
      this.#waiting = wait = new Wait();
      this.#facts.tell('unknown-kid', this.#url, {});
    }
    if (wait.count++ >= MOST_WAITING) return false;
    return wait.over.then((answered) => {
      if (this.#waiting === wait) this.#waiting = null;
      return answered && this.#current;
    });
  }

  /** Keys that stay keep their identity, so that what they have proved stays proved; keys that went are dead. */
  #take({ keys, askAgainAt, current }: FactValues['jwks']): void {
    this.#askAgainAt = askAgainAt;
    this.#current = current;
    if (keys !== null) {
      const old = this.#keys ?? [];
      const next = keys.flatMap((jwk) => {
        const key = readJwk(jwk);
        if (typeof key === 'string') return [];
        return [
          old.find((each) => each.jwk === key.jwk && each.kid === key.kid && sameUse(each, key)) ?? key,
        ];
      });
      for (const key of old) if (!next.includes(key)) key.live = false;
      this.#keys = next;
    }
    this.#waiting?.end();
    this.#waiting = null;
  }
}

const sameUse = (a: VerifyKey, b: VerifyKey): boolean =>
  a.algorithms.size === b.algorithms.size && [...a.algorithms].every((name) => b.algorithms.has(name));
