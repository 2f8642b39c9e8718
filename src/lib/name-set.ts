/**
 * A fixed set of field names that is asked for every field of every request: a bit per length answers
 * most questions without hashing the name. `_` counts as `-`, because CGI-like origins cannot tell them apart.
 */
export class NameSet {
  readonly #names: ReadonlySet<string>;
  readonly #lengths: number;

  /** @param names Lower-case names. */
  constructor(names: Iterable<string>) {
    this.#names = new Set([...names].map(dashed));
    this.#lengths = [...this.#names].reduce((bits, name) => bits | (1 << (name.length % 32)), 0);
  }

  has(name: string): boolean {
    return ((this.#lengths >> (name.length % 32)) & 1) === 1 && this.#names.has(dashed(name));
  }
}

/** The name as an origin sees it that maps `-` and `_` to one character. */
export const dashed = (name: string): string => (name.indexOf('_') < 0 ? name : name.replaceAll('_', '-'));
