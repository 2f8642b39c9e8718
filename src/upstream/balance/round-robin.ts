import type { Exchange } from '../../contracts/exchange.ts';
import type { Target } from '../../contracts/transport.ts';
import type { Balancer } from './balancer.ts';

/** Turns that a cycle begins with at most: enough to part the workers. */
const MOST_TURNS = 1_000;

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
    const turns = Math.floor(Math.random() * Math.min(this.#total, MOST_TURNS));
    for (let turn = 0; turn < turns; turn++) this.#next(null);
  }

  pick(_x: Exchange, tried: readonly Target[] | null): Target | null {
    const targets = this.#targets;
    if (targets.length <= 1) return targets[0] ?? null;
    return this.#next(tried !== null && targets.every((each) => tried.includes(each)) ? null : tried);
  }

  #next(tried: readonly Target[] | null): Target {
    const targets = this.#targets;
    const credit = this.#credit;
    let best = -1;
    for (let i = 0; i < targets.length; i++) {
      credit[i]! += targets[i]!.weight;
      if (tried !== null && tried.includes(targets[i]!)) continue;
      if (best < 0 || credit[i]! > credit[best]!) best = i;
    }
    credit[best]! -= this.#total;
    return targets[best]!;
  }
}
