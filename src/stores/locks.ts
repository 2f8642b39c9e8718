import { LOCKS } from './layout.ts';
import type { SharedMemory } from './shared-memory.ts';

/** Tries before a lock counts as not to be had: some 500 us, far longer than any holder that runs needs. */
const SPINS = 25_000;

/**
 * Locks between processes, one for each stripe of the tables. A lock holds the name of its owner, so that the primary
 * frees what a dead worker held (`reclaim.ts`); never a time-out, because an owner that is only stopped goes on.
 */
export class Locks {
  readonly #int32: Int32Array;
  readonly #first: number;
  readonly #owner: number;

  constructor({ int32, layout }: SharedMemory, owner: number) {
    this.#int32 = int32;
    this.#first = layout.locks / 4;
    this.#owner = owner;
  }

  /** False = somebody else holds it. */
  take(stripe: number): boolean {
    const at = this.#first + (stripe % LOCKS);
    for (let i = 0; i < SPINS; i++) {
      if (Atomics.compareExchange(this.#int32, at, 0, this.#owner) === 0) return true;
    }
    return false;
  }

  free(stripe: number): void {
    Atomics.store(this.#int32, this.#first + (stripe % LOCKS), 0);
  }
}
