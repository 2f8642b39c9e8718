import type { AttemptRules } from '../contracts/attempts.ts';
import type { BalanceRule } from '../contracts/balance.ts';
import type { Attempt, Exchange } from '../contracts/exchange.ts';
import type { ReplyHead } from '../contracts/http.ts';
import type { Upstream as UpstreamContract } from '../contracts/runtime.ts';
import type { Target } from '../contracts/transport.ts';
import type { Balancer } from './balance/balancer.ts';
import { hash32, keyReader, type KeyOf } from './balance/hash.ts';
import { Levels } from './balance/levels.ts';
import { makeBalancer } from './balance/make.ts';
import { endpointKey, type Endpoint, type TargetSpec } from './endpoint.ts';
import { plan, type Health, type Level } from './plan.ts';
import { hooksOf } from './hooks.ts';
import type { PassiveWatch } from './passive.ts';
import type { Sticky } from './sticky.ts';

/** An upstream as configured, with what goes along with it. */
export interface UpstreamSpec {
  readonly id: string;
  readonly host: UpstreamContract['host'];
  readonly balance: BalanceRule;
  readonly targets: readonly TargetSpec[];
  /** Whether targets are probed: then one gets nothing before its first good probe. */
  readonly probed: boolean;
  /** Share of healthy targets below which all are used; 0 = never. */
  readonly panic: number;
  /** Milliseconds; 0 = a target gets its whole weight at once. */
  readonly slowStart: number;
  /** Of this node. */
  readonly zone: string | null;
  readonly sticky: Sticky | null;
  readonly passive: PassiveWatch | null;
}

/** What is known at the moment, by key of an endpoint or id of a target. */
export interface Knowledge {
  /** Undefined = no good probe yet. */
  healthy(key: string): boolean | undefined;
  ejected(key: string): boolean;
  /** Undefined = as configured. */
  weight(targetId: string): number | undefined;
  /** Undefined = the host is an address, or not resolved yet. */
  addresses(host: string): readonly string[] | undefined;
}

/** Where endpoints come from and go to; what belongs to an address outlives any one upstream. */
export interface Endpoints {
  /** @param others Addresses of the target to try where this one cannot be reached. */
  take(spec: TargetSpec, address: string | null, others: readonly string[]): Endpoint;
  free(endpoint: Endpoint): void;
}

/** Where the weight of a target begins in a slow start, as a part of the whole. */
const FIRST_STEP = 0.1;
const STEPS = 20;

/** Targets that serve the same thing: who of them is fit, and whose turn it is. */
export class Upstream implements UpstreamContract {
  readonly id: string;
  readonly host: UpstreamContract['host'];
  readonly attempt: readonly ((a: Attempt) => void)[];
  readonly replied: readonly ((a: Attempt, head: ReplyHead) => void)[];
  readonly settled: readonly ((a: Attempt) => void)[];
  /** Set once all upstreams are there: a fallback names others. */
  rules: AttemptRules | null = null;
  readonly #spec: UpstreamSpec;
  readonly #knowledge: Knowledge;
  readonly #source: Endpoints;
  readonly #keyOf: KeyOf;
  #endpoints = new Map<string, Endpoint>();
  #balancer: Balancer = NOBODY;
  #ramp: NodeJS.Timeout | null = null;

  constructor(spec: UpstreamSpec, knowledge: Knowledge, source: Endpoints) {
    this.#spec = spec;
    this.id = spec.id;
    this.host = spec.host;
    this.#knowledge = knowledge;
    this.#source = source;
    this.#keyOf = keyReader(typeof spec.balance === 'object' ? spec.balance.hash : 'ip');
    const hooks = hooksOf(spec);
    this.attempt = hooks.attempt;
    this.replied = hooks.replied;
    this.settled = hooks.settled;
    this.refresh();
  }

  pick(x: Exchange, tried: readonly Target[] | null): Target | null {
    const { sticky } = this.#spec;
    if (sticky !== null) {
      const known = sticky.recall(x);
      if (known !== null && (tried === null || !tried.includes(known))) return known;
    }
    return this.#balancer.pick(x, tried);
  }

  /** Takes in what is known now. Call it when something of it has changed. */
  refresh(): void {
    this.#follow();
    const now = performance.now();
    let growing = false;
    for (const endpoint of this.#endpoints.values()) {
      endpoint.health = this.#healthOf(endpoint.key);
      const { load } = endpoint;
      const up = endpoint.health === 'well';
      if (up && !load.up) load.since = now;
      load.up = up;
      growing ||= up && now - load.since < this.#spec.slowStart;
    }
    this.#weigh(now);
    this.#balance();
    if (growing) this.#grow();
  }

  /** Gives its endpoints back. Exchanges that still run with it may go on. */
  close(): void {
    if (this.#ramp !== null) clearTimeout(this.#ramp);
    for (const endpoint of this.#endpoints.values()) this.#source.free(endpoint);
    this.#endpoints.clear();
  }

  /** One endpoint for every address that a target stands for now. */
  #follow(): void {
    const next = new Map<string, Endpoint>();
    for (const spec of this.#spec.targets) {
      const addresses = this.#knowledge.addresses(spec.host);
      for (const address of addresses ?? [null]) {
        const key = endpointKey(spec.id, address);
        next.set(key, this.#endpoints.get(key) ?? this.#source.take(spec, address, addresses ?? []));
      }
    }
    for (const [key, endpoint] of this.#endpoints) if (!next.has(key)) this.#source.free(endpoint);
    this.#endpoints = next;
  }

  #healthOf(key: string): Health {
    const healthy = this.#spec.probed ? this.#knowledge.healthy(key) : true;
    if (healthy === undefined) return 'unknown';
    return healthy && !this.#knowledge.ejected(key) ? 'well' : 'ill';
  }

  /** The addresses of a target share its weight; one that came back has only a part of it at first. */
  #weigh(now: number): void {
    const counts = new Map<TargetSpec, number>();
    for (const { spec } of this.#endpoints.values()) counts.set(spec, (counts.get(spec) ?? 0) + 1);
    const { slowStart } = this.#spec;
    for (const endpoint of this.#endpoints.values()) {
      const { spec, load } = endpoint;
      const whole = (this.#knowledge.weight(spec.id) ?? spec.weight) / (counts.get(spec) ?? 1);
      const grown = slowStart === 0 ? 1 : (now - load.since) / slowStart;
      endpoint.weight = whole * Math.min(1, Math.max(FIRST_STEP, grown));
    }
  }

  #balance(): void {
    const { zone, panic, balance, sticky } = this.#spec;
    const levels = plan([...this.#endpoints.values()], zone, panic);
    this.#balancer = this.#over(levels, balance);
    sticky?.use(levels.flatMap(({ share, members }) => (share > 0 ? members : [])));
  }

  #over(levels: readonly Level<Endpoint>[], rule: BalanceRule): Balancer {
    const balancers = levels.map(({ share, members }) => ({
      share,
      balancer: makeBalancer(rule, members, this.#keyOf),
    }));
    if (balancers.length <= 1) return balancers[0]?.balancer ?? NOBODY;
    const byKey = (x: Exchange) => hash32(this.#keyOf(x), LEVEL_SEED) / 2 ** 32;
    return new Levels(balancers, typeof rule === 'object' ? byKey : Math.random);
  }

  /** Weights that grow are looked at again, until all are whole. */
  #grow(): void {
    if (this.#ramp !== null) return;
    const step = Math.max(100, this.#spec.slowStart / STEPS);
    this.#ramp = setTimeout(() => {
      this.#ramp = null;
      if (this.#endpoints.size > 0) this.refresh();
    }, step);
    this.#ramp.unref();
  }
}

const NOBODY: Balancer = { pick: () => null };

/** Another than that of the places in a level, else each level would hold one end of the keys. */
const LEVEL_SEED = 0x5bd1e995;
