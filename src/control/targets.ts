import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import type { Logger } from 'pino';
import type { GatewayConfig, UpstreamConfig } from '../contracts/config.ts';
import type { Facts } from '../contracts/facts.ts';
import type { ActiveHealth } from '../contracts/health.ts';
import { endpointKey, type TargetSpec } from '../upstream/endpoint.ts';
import { targetSpecs, tlsOptions } from '../upstream/spec.ts';
import { Ejector, type EjectionRules } from './ejection.ts';
import { HealthMonitor, type Probed } from './health.ts';
import { NameWatch, systemLookup, type Lookup } from './resolver.ts';
import { Weights } from './weights.ts';

/** One target, for metrics and the admin API. */
export interface TargetStanding {
  readonly upstream: string;
  /** `host:port` as configured. */
  readonly id: string;
  /** The weight that counts, and the one of the configuration. */
  readonly weight: number;
  readonly configuredWeight: number;
  readonly priority: number;
  readonly zone: string | null;
  /** Whether one of its addresses is used, as far as probes and ejections say. */
  readonly healthy: boolean;
  readonly addresses: readonly AddressStanding[];
}

/** One address of a target; the host itself where that is an address, or not resolved yet. */
export interface AddressStanding {
  readonly address: string;
  readonly healthy: boolean;
  readonly ejected: boolean;
}

interface Watched {
  readonly upstream: UpstreamConfig;
  readonly spec: TargetSpec;
  /** Null = the host is an address, or a name that is not resolved yet. */
  readonly address: string | null;
  /** Upstream id, a space, key of the endpoint: the id of its facts. */
  readonly id: string;
}

export interface TargetWatchOptions {
  readonly facts: Facts;
  readonly log: Logger;
  readonly lookup?: Lookup;
}

/** What the primary finds out about targets, and tells all workers: addresses, health, ejections. */
export class TargetWatch {
  readonly #facts: Facts;
  readonly #log: Logger;
  readonly #names: NameWatch;
  readonly #monitor: HealthMonitor;
  readonly #ejector: Ejector;
  readonly #weights: Weights;
  #configs: readonly GatewayConfig[] = [];
  #watched: readonly Watched[] = [];
  #rounds = false;

  constructor({ facts, log, lookup = systemLookup }: TargetWatchOptions) {
    this.#facts = facts;
    this.#log = log;
    this.#names = new NameWatch(
      (name, addresses) => this.#moved(name, addresses),
      (name) => log.warn({ host: name }, 'name cannot be resolved: the last good addresses stay'),
      lookup,
    );
    this.#monitor = new HealthMonitor((...told) => this.#judged(...told));
    this.#ejector = new Ejector(
      (upstream) => this.#rulesOf(upstream),
      (...told) => this.#ejected(...told),
    );
    this.#weights = new Weights(facts);
    facts.on('suspect', (id) => this.#ejector.suspect(id));
    facts.tell('secret', 'sticky', randomBytes(16).toString('hex'));
  }

  /**
   * From now on the targets of these configurations are watched and no others. Resolves when all names were looked up
   * and every target was probed once, whatever came of it.
   */
  async follow(...configs: readonly GatewayConfig[]): Promise<void> {
    this.#configs = configs;
    const specs = configs.flatMap(({ upstreams }) => upstreams.flatMap(targetSpecs));
    const hosts = specs.map(({ host }) => host).filter((host) => isIP(host) === 0);
    const resolved = this.#names.follow(new Set(hosts));
    this.#survey();
    await resolved;
    await this.#monitor.firstRound();
    this.#rounds = true;
  }

  /** Whether the first round of probes is done. */
  get surveyed(): boolean {
    return this.#rounds;
  }

  /** Every target of the configuration. */
  standings(): TargetStanding[] {
    const byTarget = new Map<string, Watched[]>();
    for (const each of this.#watched) {
      const id = targetId(each);
      byTarget.set(id, [...(byTarget.get(id) ?? []), each]);
    }
    return [...byTarget.entries()].map(([id, endpoints]) => this.#standing(id, endpoints));
  }

  /** Null = no such upstream. */
  targetsOf(upstream: string): readonly TargetStanding[] | null {
    const targets = this.standings().filter((each) => each.upstream === upstream);
    return targets.length === 0 ? null : targets;
  }

  /** Gives a target another weight than the configured one, at once; null = as configured. */
  setWeight(upstream: string, target: string, weight: number | null): void {
    this.#weights.set(`${upstream} ${target}`, weight);
    this.#log.info({ upstream, target, weight }, 'weight of a target is set');
  }

  close(): void {
    this.#names.close();
    this.#monitor.close();
    this.#ejector.close();
  }

  #standing(id: string, endpoints: readonly Watched[]): TargetStanding {
    const { upstream, spec } = endpoints[0]!;
    const addresses = endpoints.map((each) => {
      const ejected = this.#ejector.ejected(each.id);
      const well = upstream.health?.active === undefined || this.#monitor.healthy(each.id) === true;
      return { address: each.address ?? spec.host, healthy: well && !ejected, ejected };
    });
    return {
      upstream: upstream.id,
      id: spec.id,
      weight: this.#weights.of(id) ?? spec.weight,
      configuredWeight: spec.weight,
      priority: spec.priority,
      zone: spec.zone,
      healthy: addresses.some(({ healthy }) => healthy),
      addresses,
    };
  }

  /** What is to be watched, after the configuration or an address has changed. */
  #survey(): void {
    const byId = new Map<string, Watched>();
    // The newest configuration has the last word on what both name.
    for (const { upstreams } of this.#configs)
      for (const upstream of upstreams)
        for (const spec of targetSpecs(upstream))
          for (const address of this.#names.addresses(spec.host) ?? [null]) {
            const id = `${upstream.id} ${endpointKey(spec.id, address)}`;
            byId.set(id, { upstream, spec, address, id });
          }
    this.#watched = [...byId.values()];
    this.#monitor.follow(this.#watched.flatMap(probedOf));
    this.#weights.follow(this.#watched.map((each) => ({ id: targetId(each), weight: each.spec.weight })));
    const ejecting = this.#watched.filter(({ upstream }) => upstream.health?.passive !== undefined);
    this.#ejector.retain(new Set(ejecting.map(({ id }) => id)));
  }

  #rulesOf(id: string): EjectionRules | null {
    const mine = this.#watched.filter(({ upstream }) => upstream.id === id);
    const passive = mine[0]?.upstream.health?.passive;
    return passive === undefined ? null : { ...passive, size: mine.length };
  }

  #moved(name: string, addresses: readonly string[] | null): void {
    this.#facts.tell('addresses', name, addresses);
    if (addresses === null) return;
    this.#log.info({ host: name, addresses: addresses.length }, 'addresses of a name have changed');
    this.#survey();
  }

  #judged(id: string, healthy: boolean | null, why: string | null): void {
    this.#facts.tell('target-health', id, healthy === null ? null : { healthy });
    if (healthy === null) return;
    const labels = labelsOf(id);
    if (healthy) this.#log.info(labels, 'target is healthy');
    else this.#log.warn({ ...labels, reason: why }, 'target is unhealthy');
  }

  #ejected(id: string, ms: number | null): void {
    this.#facts.tell('ejection', id, ms === null ? null : { ms });
    if (ms === null) this.#log.info(labelsOf(id), 'ejection is over');
    else this.#log.warn({ ...labelsOf(id), ms }, 'target is ejected: too many failures in a row');
  }
}

const targetId = ({ upstream, spec }: Watched): string => `${upstream.id} ${spec.id}`;

function labelsOf(id: string): { upstream: string; target: string; address?: string } {
  const [upstream = '', target = '', address] = id.split(' ');
  return address === undefined ? { upstream, target } : { upstream, target, address };
}

function probedOf({ upstream, spec, address, id }: Watched): Probed[] {
  const rules = upstream.health?.active;
  if (rules === undefined) return [];
  const plan = {
    connect: address ?? spec.host,
    port: spec.port,
    tls: spec.secure ? tlsOptions(upstream) : null,
    name: spec.host,
    path: rules.path,
    host: rules.host ?? spec.authority,
    timeout: rules.timeout,
    good: statusTest(rules.statuses),
  };
  return [{ id, rules, plan }];
}

/** Whether a status is one of a list of statuses and ranges. */
export function statusTest(list: ActiveHealth['statuses']): (status: number) => boolean {
  const ranges = list.map((each) => (typeof each === 'number' ? [each, each] : each.split('-').map(Number)));
  return (status) => ranges.some(([low = 0, high = 0]) => status >= low && status <= high);
}
