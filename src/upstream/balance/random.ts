import type { Exchange } from '../../contracts/exchange.ts';
import type { Target } from '../../contracts/transport.ts';
import { untried, type Balancer, type Member } from './balancer.ts';

/** Draws members by weight. */
class Lots {
  readonly #members: readonly Member[];
  /** Sums of the weights up to and with each member. */
  readonly #sums: Float64Array;

  constructor(members: readonly Member[]) {
    this.#members = members;
    let sum = 0;
    this.#sums = Float64Array.from(members, ({ weight }) => (sum += weight));
  }

  draw(): number {
    return this.#at(Math.random() * this.#total);
  }

  /** Another than `first`; there must be one. */
  drawAnother(first: number): number {
    const { weight } = this.#members[first]!;
    const point = Math.random() * (this.#total - weight);
    const another = this.#at(point < this.#sums[first]! - weight ? point : point + weight);
    // Rounding may end at the member itself.
    return another === first ? (first + 1) % this.#members.length : another;
  }

  get #total(): number {
    return this.#sums[this.#sums.length - 1]!;
  }

  #at(point: number): number {
    const sums = this.#sums;
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > point) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}

/** Any target, by weight. */
export class Random implements Balancer {
  readonly #members: readonly Member[];
  readonly #lots: Lots;

  constructor(members: readonly Member[]) {
    this.#members = members;
    this.#lots = new Lots(members);
  }

  pick(x: Exchange, tried: readonly Target[] | null): Target | null {
    const members = this.#members;
    if (members.length <= 1) return members[0] ?? null;
    const left = untried(members, tried);
    return left === members ? members[this.#lots.draw()]! : new Random(left).pick(x, null);
  }
}

/** What it would cost to give `member` one more attempt: the lower, the better. */
export type Cost = (member: Member) => number;

/** Attempts in flight for the weight. */
export const busyness: Cost = ({ load, weight }) => load.inFlight / weight;

/** Peak EWMA: what a reply takes, times the attempts that would share the target. The weight is in the draw. */
export const expectedWait: Cost = ({ load }) => load.latency(performance.now()) * (load.inFlight + 1);

/**
 * The better of two targets drawn by weight. Nearly as good as looking at all, and workers that know nothing of each
 * other do not all run to the same one. Equals: the first drawn, so that a quiet node gives each its share.
 */
export class TwoChoices implements Balancer {
  readonly #members: readonly Member[];
  readonly #lots: Lots;
  readonly #cost: Cost;

  constructor(members: readonly Member[], cost: Cost) {
    this.#members = members;
    this.#lots = new Lots(members);
    this.#cost = cost;
  }

  pick(x: Exchange, tried: readonly Target[] | null): Target | null {
    const members = this.#members;
    if (members.length <= 1) return members[0] ?? null;
    const left = untried(members, tried);
    if (left !== members) return new TwoChoices(left, this.#cost).pick(x, null);
    const index = this.#lots.draw();
    const first = members[index]!;
    const second = members[this.#lots.drawAnother(index)]!;
    return this.#cost(second) < this.#cost(first) ? second : first;
  }
}
