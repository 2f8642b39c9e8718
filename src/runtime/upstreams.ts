import { randomBytes } from 'node:crypto';
import type { GatewayConfig, UpstreamConfig } from '../contracts/config.ts';
import type { Facts } from '../contracts/facts.ts';
import type { Keep, Upstream as UpstreamContract } from '../contracts/runtime.ts';
import type { SharedWords } from '../contracts/stores.ts';
import { inertFacts } from '../lib/inert.ts';
import { Meter } from '../observe/metrics.ts';
import { PrivateWords } from '../stores/words.ts';
import { PassiveWatch } from '../upstream/passive.ts';
import { targetSpecs } from '../upstream/spec.ts';
import { Sticky } from '../upstream/sticky.ts';
import { Upstream, type Knowledge, type UpstreamSpec } from '../upstream/upstream.ts';
import { claimRules } from './attempt-rules.ts';
import { KeptEndpoints } from './endpoints.ts';

/** Kinds of facts that change who is chosen, and whether their ids begin with that of the upstream. */
const STIRRING = { 'target-health': true, ejection: true, weight: true, addresses: false } as const;

/** Makes the upstreams of configurations, and tells those that live when something is learnt about their targets. */
export class Upstreams {
  readonly #keep: Keep;
  readonly #facts: Facts;
  readonly #words: SharedWords;
  readonly #meter: Meter;
  readonly #living = new Set<Upstream>();
  /** Ids of upstreams that have something to take in; the empty one stands for all. */
  readonly #stirred = new Set<string>();
  /** For want of one that the primary gave. */
  readonly #secret = randomBytes(16).toString('hex');

  /** @param words Counters of failures and states of breakers; shared, the workers of a node count together. */
  constructor(
    keep: Keep,
    facts: Facts = inertFacts,
    words: SharedWords = new PrivateWords(),
    meter: Meter = new Meter(),
  ) {
    this.#keep = keep;
    this.#facts = facts;
    this.#words = words;
    this.#meter = meter;
    for (const kind of ['target-health', 'ejection', 'weight', 'addresses'] as const)
      facts.on(kind, (id) => this.#stir(STIRRING[kind] ? id.slice(0, id.indexOf(' ')) : ''));
  }

  /** @returns The upstreams by id, and what gives them back. */
  claim(config: GatewayConfig): { upstreams: ReadonlyMap<string, UpstreamContract>; release: () => void } {
    const upstreams = new Map<string, Upstream>();
    let releaseRules = (): void => undefined;
    const release = () => {
      releaseRules();
      for (const upstream of upstreams.values()) {
        this.#living.delete(upstream);
        upstream.close();
      }
    };
    try {
      for (const each of config.upstreams) upstreams.set(each.id, this.#make(each, config.zone ?? null));
      const parts = { words: this.#words, facts: this.#facts, meter: this.#meter };
      releaseRules = claimRules(config, upstreams, this.#keep, parts);
    } catch (error) {
      release();
      throw error;
    }
    for (const upstream of upstreams.values()) this.#living.add(upstream);
    return { upstreams, release };
  }

  #make(config: UpstreamConfig, zone: string | null): Upstream {
    const { id, host, sticky, health } = config;
    const spec: UpstreamSpec = {
      id,
      host: host === 'client' || host === 'target' ? host : { name: host },
      balance: config.balance,
      targets: targetSpecs(config),
      probed: health?.active !== undefined,
      panic: health?.panic ?? 0,
      slowStart: config.slowStart ?? 0,
      zone,
      sticky: sticky === undefined ? null : new Sticky(sticky.cookie, this.#secretOf(sticky.secret), id),
      passive:
        health?.passive === undefined
          ? null
          : new PassiveWatch(id, health.passive, this.#words, (key) =>
              this.#facts.tell('suspect', `${id} ${key}`, {}),
            ),
    };
    const endpoints = new KeptEndpoints(this.#keep, config);
    try {
      return new Upstream(spec, this.#knowledgeOf(id), endpoints);
    } catch (error) {
      endpoints.close();
      throw error;
    }
  }

  #secretOf(given: string | object | undefined): string {
    return typeof given === 'string' ? given : (this.#facts.get('secret', 'sticky') ?? this.#secret);
  }

  #knowledgeOf(upstream: string): Knowledge {
    const facts = this.#facts;
    return {
      healthy: (key) => facts.get('target-health', `${upstream} ${key}`)?.healthy,
      ejected: (key) => facts.get('ejection', `${upstream} ${key}`) !== undefined,
      weight: (target) => facts.get('weight', `${upstream} ${target}`),
      addresses: (host) => facts.get('addresses', host),
    };
  }

  /** Facts come in batches: each upstream takes in all of one at once. */
  #stir(id: string): void {
    if (this.#stirred.size === 0) queueMicrotask(() => this.#refresh());
    this.#stirred.add(id);
  }

  #refresh(): void {
    const stirred = new Set(this.#stirred);
    this.#stirred.clear();
    for (const upstream of this.#living) if (stirred.has('') || stirred.has(upstream.id)) upstream.refresh();
  }
}
