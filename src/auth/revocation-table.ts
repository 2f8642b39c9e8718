import type { Facts } from '../contracts/facts.ts';
import type { RevocationKind, Revocations } from '../contracts/session.ts';

/** A worker's list of what is revoked: the primary tells of every entry. Asked on every request with a credential. */
export class RevocationTable implements Revocations {
  /** When each entry ends, in milliseconds since 1970. */
  readonly #ends: Readonly<Record<RevocationKind, Map<string, number>>> = {
    jti: new Map(),
    sub: new Map(),
    key: new Map(),
  };

  #complete = false;

  constructor(facts: Facts) {
    facts.on('records-known', () => (this.#complete = true));
    facts.on('revocation', (id, entry) => {
      const space = id.indexOf(' ');
      const ends = this.#ends[id.slice(0, space) as RevocationKind];
      if (entry === null) ends.delete(id.slice(space + 1));
      else ends.set(id.slice(space + 1), entry.expires ?? Infinity);
    });
  }

  get complete(): boolean {
    return this.#complete;
  }

  has(kind: RevocationKind, id: string): boolean {
    const ends = this.#ends[kind];
    // Usually the list is empty, and the clock need not be read.
    if (ends.size === 0) return false;
    const end = ends.get(id);
    return end !== undefined && end > Date.now();
  }
}
