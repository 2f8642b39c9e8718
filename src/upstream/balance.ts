import type { Target } from '../contracts/transport.ts';

/** One way to choose among targets. */
export interface Balancer {
  /** The next target, other than `not` while there is another; null = none. */
  pick(not: Target | null): Target | null;
}

/**
 * Smooth weighted round robin: each turn every target gains its weight, the richest is chosen and pays the
 * sum. Shares are exact over one cycle, and a heavy target's turns are spread over it, never in a row.
 */
export class RoundRobin implements Balancer {
  readonly #targets: readonly Target[];
  readonly #credit: Float64Array;
  readonly #total: number;

  constructor(targets: readonly Target[]) {
    this.#targets = targets.filter((target) => target.weight > 0);
    this.#credit = new Float64Array(this.#targets.length);
    this.#total = this.#targets.reduce((sum, target) => sum + target.weight, 0);
    // Workers start at different places in the cycle, else they would all hit the same target at once.
    for (let turns = Math.floor(Math.random() * this.#total); turns > 0; turns--) this.pick(null);
  }

  pick(not: Target | null): Target | null {
    const targets = this.#targets;
    if (targets.length <= 1) return targets[0] ?? null;
    const credit = this.#credit;
    let best = -1;
    for (let i = 0; i < targets.length; i++) {
      credit[i]! += targets[i]!.weight;
      if (targets[i] === not) continue;
      if (best < 0 || credit[i]! > credit[best]!) best = i;
    }
    credit[best]! -= this.#total;
    return targets[best]!;
  }
}
