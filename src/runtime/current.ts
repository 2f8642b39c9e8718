import type { Runtime } from '../contracts/runtime.ts';

/** The runtime that new exchanges begin with. Going live is one assignment. */
export class Current {
  #runtime: Runtime | null = null;

  /** Throws before the first generation is there: edges open after it. */
  get runtime(): Runtime {
    if (this.#runtime === null) throw new Error('no configuration yet');
    return this.#runtime;
  }

  /** New exchanges begin with `next`; the old runtime lives until its last exchange is finished. */
  swap(next: Runtime): void {
    const old = this.#runtime;
    this.#runtime = next;
    old?.retire();
  }
}
