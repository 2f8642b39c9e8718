import type { Exchange } from '../../contracts/exchange.ts';
import type { Target } from '../../contracts/transport.ts';
import { untried, type Balancer, type Member } from './balancer.ts';

/**
 * The target with the fewest attempts in flight for its weight. Among equals (all of them, on a quiet node) the
 * turns go by smooth weighted round robin, so that the shares are right at any load.
 */
export class LeastRequest implements Balancer {
  readonly #members: readonly Member[];
  readonly #credit: Float64Array;
  readonly #total: number;

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.#total = members.reduce((sum, { weight }) => sum + weight, 0);
    // Other workers begin elsewhere.
    this.#credit = Float64Array.from(members, ({ weight }) => Math.random() * weight);
  }

  pick(_x: Exchange, tried: readonly Target[] | null): Target | null {
    const members = this.#members;
    if (members.length <= 1) return members[0] ?? null;
    const left = untried(members, tried);
    const credit = this.#credit;
    const total = this.#total;
    let best = -1;
    let least = Infinity;
    for (let i = 0; i < members.length; i++) {
      const { weight, load } = members[i]!;
      // Bounded, else a target that was busy for long would have all the turns of the hours after.
      credit[i] = Math.min(credit[i]! + weight, total);
      if (left !== members && !left.includes(members[i]!)) continue;
      const busy = load.inFlight / weight;
      if (busy > least || (busy === least && credit[i]! <= credit[best]!)) continue;
      best = i;
      least = busy;
    }
    credit[best] = Math.max(credit[best]! - total, -total);
    return members[best]!;
  }
}
