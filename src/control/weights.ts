import type { Facts } from '../contracts/facts.ts';

/** A target and the weight that the configuration gives it; `id`: upstream id, a space, `host:port`. */
export interface Weighted {
  readonly id: string;
  readonly weight: number;
}

/**
 * Weights other than the configured ones, set at run time. One lasts until it is taken back, until the configuration
 * gives its target another weight, or until the primary ends.
 */
export class Weights {
  readonly #facts: Facts;
  readonly #set = new Map<string, { readonly weight: number; readonly configured: number }>();
  #configured: ReadonlyMap<string, number> = new Map();

  constructor(facts: Facts) {
    this.#facts = facts;
  }

  /** From now on these targets are there, with these weights. */
  follow(targets: readonly Weighted[]): void {
    this.#configured = new Map(targets.map(({ id, weight }) => [id, weight]));
    for (const [id, { configured }] of this.#set)
      if (this.#configured.get(id) !== configured) this.set(id, null);
  }

  /** The weight that counts; null = no such target. */
  of(id: string): number | null {
    return this.#set.get(id)?.weight ?? this.#configured.get(id) ?? null;
  }

  /** Null takes back what was set. */
  set(id: string, weight: number | null): void {
    const configured = this.#configured.get(id);
    if (weight === null || configured === undefined) this.#set.delete(id);
    else this.#set.set(id, { weight, configured });
    this.#facts.tell('weight', id, this.#set.get(id)?.weight ?? null);
  }
}
