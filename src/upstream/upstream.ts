import type { Exchange } from '../contracts/exchange.ts';
import type { Upstream as UpstreamContract } from '../contracts/runtime.ts';
import type { Target } from '../contracts/transport.ts';
import { RoundRobin, type Balancer } from './balance.ts';

/** A group of targets that serve the same thing, with the rule that chooses among them. */
export class Upstream implements UpstreamContract {
  readonly id: string;
  readonly host: UpstreamContract['host'];
  readonly targets: readonly Target[];
  readonly attempt = [];
  readonly replied = [];
  readonly settled = [];
  readonly #balancer: Balancer;

  constructor(id: string, host: UpstreamContract['host'], targets: readonly Target[]) {
    this.id = id;
    this.host = host;
    this.targets = targets;
    this.#balancer = new RoundRobin(targets);
  }

  pick(x: Exchange, tried: readonly Target[] | null): Target | null {
    return this.#balancer.pick(x, tried);
  }
}
