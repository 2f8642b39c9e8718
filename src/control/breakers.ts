import type { GatewayConfig } from '../contracts/config.ts';
import type { Facts } from '../contracts/facts.ts';

/** A breaker as an operator sees it. */
export interface BreakerView {
  readonly upstream: string;
  /** `host:port`; empty for the upstream's own. */
  readonly target: string;
  readonly state: 'closed' | 'half-open' | 'open';
  /** What an operator said, until he says auto. */
  readonly forced: 'open' | 'closed' | null;
}

const STATES = ['closed', 'half-open', 'open'] as const;

/** The breakers of this node: what the workers last reported of them, and what operators said. */
export class Breakers {
  readonly #facts: Facts;
  readonly #running: () => GatewayConfig;
  readonly #reported: () => ReadonlyMap<string, number>;

  /** @param reported States by fact id (see `FactValues.breaker`) as the workers pushed them. */
  constructor(facts: Facts, running: () => GatewayConfig, reported: () => ReadonlyMap<string, number>) {
    this.#facts = facts;
    this.#running = running;
    this.#reported = reported;
  }

  list(): BreakerView[] {
    const reported = this.#reported();
    return this.#running().upstreams.flatMap(({ id, breaker, targets }) => {
      if (breaker === undefined) return [];
      const all = ['', ...targets.map(({ url }) => labelOf(url))];
      return all.map((target) => this.#view(id, target, reported));
    });
  }

  /** Says what a breaker is to do; null when there is no such breaker. */
  force(upstream: string, target: string, forced: BreakerView['forced']): BreakerView | null {
    const isThere = (each: BreakerView) => each.upstream === upstream && each.target === target;
    if (!this.list().some(isThere)) return null;
    this.#facts.tell('breaker', factId(upstream, target), forced === null ? null : { force: forced });
    return this.list().find(isThere) ?? null;
  }

  #view(upstream: string, target: string, reported: ReadonlyMap<string, number>): BreakerView {
    const id = factId(upstream, target);
    const forced = this.#facts.get('breaker', id)?.force ?? null;
    return { upstream, target, state: forced ?? STATES[reported.get(id) ?? 0] ?? 'closed', forced };
  }
}

const factId = (upstream: string, target: string): string =>
  target === '' ? upstream : `${upstream} ${target}`;

/** The label of a target in logs and metrics. */
function labelOf(url: string): string {
  const { hostname, port, protocol } = new URL(url);
  return `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
}
