import type { Exchange } from '../../contracts/exchange.ts';
import type { Target } from '../../contracts/transport.ts';
import type { Balancer } from './balancer.ts';

/** A balancer and its share of the traffic, from 0 to 1. */
export interface Share {
  readonly share: number;
  readonly balancer: Balancer;
}

/** Spreads over several balancers by their shares; what was tried in one is tried again only when all are through. */
export class Levels implements Balancer {
  readonly #levels: readonly Share[];
  readonly #point: (x: Exchange) => number;

  /** @param point Where in [0, 1) a request falls: chance, or what keeps a key at its level. */
  constructor(levels: readonly Share[], point: (x: Exchange) => number) {
    this.#levels = levels;
    this.#point = point;
  }

  pick(x: Exchange, tried: readonly Target[] | null): Target | null {
    const first = this.#choose(x).balancer.pick(x, tried);
    if (tried === null || first === null || !tried.includes(first)) return first;
    for (const { balancer } of this.#levels) {
      const other = balancer.pick(x, tried);
      if (other !== null && !tried.includes(other)) return other;
    }
    return first;
  }

  #choose(x: Exchange): Share {
    const levels = this.#levels;
    let left = this.#point(x);
    let chosen = levels[0]!;
    for (let i = 0; i < levels.length; i++) {
      const level = levels[i]!;
      if (level.share === 0) continue;
      // The last one with a share takes what rounding leaves over.
      chosen = level;
      left -= level.share;
      if (left < 0) break;
    }
    return chosen;
  }
}
