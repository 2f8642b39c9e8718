import type { Keep as KeepContract } from '../contracts/runtime.ts';

interface Held {
  readonly it: { close(): void };
  claims: number;
}

/**
 * State that outlives a reload (connection pools ...): claimed by identity and counted, so that a new
 * runtime takes over what the old one still holds, and the last release closes it.
 */
export class Keep implements KeepContract {
  readonly #held = new Map<string, Held>();

  use<T extends { close(): void }>(kind: string, identity: string, make: () => T): T {
    const key = `${kind} ${identity}`;
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, (held = { it: make(), claims: 0 }));
    held.claims++;
    return held.it as T;
  }

  release(kind: string, identity: string): void {
    const key = `${kind} ${identity}`;
    const held = this.#held.get(key);
    if (held === undefined || --held.claims > 0) return;
    this.#held.delete(key);
    held.it.close();
  }

  /** How many things are held. */
  get size(): number {
    return this.#held.size;
  }
}
