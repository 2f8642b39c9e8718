import type { Exchange } from '../../src/contracts/exchange.ts';
import type { Transport } from '../../src/contracts/transport.ts';
import type { Member } from '../../src/upstream/balance/balancer.ts';
import { getField, getFields } from '../../src/lib/fields.ts';
import { Endpoint, type TargetSpec } from '../../src/upstream/endpoint.ts';
import { Load } from '../../src/upstream/load.ts';
import { Upstream, type Knowledge, type UpstreamSpec } from '../../src/upstream/upstream.ts';

/** Carries nothing: for tests of who is chosen. */
export const transport: Transport = {
  open: () => undefined,
  cancel: () => undefined,
  close: () => undefined,
};

/** What rules that look at the request look at. */
export const request = (ip = '192.0.2.1', headers: string[] = []): Exchange =>
  ({
    ip,
    path: '/',
    query: '',
    scheme: 'http',
    headers,
    header: (name: string) => getField(headers, name),
    fields: (name: string) => getFields(headers, name),
  }) as unknown as Exchange;

/** Members `t0`, `t1` ... of these weights. */
export const members = (...weights: number[]): (Member & { load: Load })[] =>
  weights.map((weight, i) => ({
    id: `t${i}`,
    key: `10.0.0.${i}:80`,
    authority: '',
    weight,
    transport,
    load: new Load(),
  }));

/** How often each was chosen. */
export function tally<T>(all: readonly T[], chosen: Iterable<T | null>): number[] {
  const counts = new Map<T | null, number>();
  for (const each of chosen) counts.set(each, (counts.get(each) ?? 0) + 1);
  return all.map((each) => counts.get(each) ?? 0);
}

/**
 * Whether counts fit shares: Pearson's statistic, against a bound that chance exceeds once in a million times for up
 * to ten classes.
 */
export function fits(counts: readonly number[], weights: readonly number[]): boolean {
  const total = counts.reduce((sum, each) => sum + each, 0);
  const whole = weights.reduce((sum, each) => sum + each, 0);
  const statistic = counts.reduce((sum, count, i) => {
    const expected = (total * weights[i]!) / whole;
    return sum + (expected === 0 ? (count === 0 ? 0 : Infinity) : (count - expected) ** 2 / expected);
  }, 0);
  return statistic < 45;
}

export const target = (id: string, extra: Partial<TargetSpec> = {}): TargetSpec => ({
  id,
  authority: id,
  host: id.split(':')[0]!,
  port: 80,
  secure: false,
  weight: 1,
  priority: 0,
  zone: null,
  ...extra,
});

/** What may be learnt about targets, to be changed by tests. */
export class Learnt implements Knowledge {
  readonly well = new Map<string, boolean>();
  readonly out = new Set<string>();
  readonly weights = new Map<string, number>();
  readonly names = new Map<string, string[]>();

  healthy(key: string) {
    return this.well.get(key);
  }
  ejected(key: string) {
    return this.out.has(key);
  }
  weight(id: string) {
    return this.weights.get(id);
  }
  addresses(host: string) {
    return this.names.get(host);
  }
}

/** An upstream over nothing but what was learnt; loads live on as they do in a process. */
export function upstreamOf(
  spec: Partial<UpstreamSpec>,
  learnt = new Learnt(),
  loads = new Map<string, Load>(),
) {
  const whole: UpstreamSpec = {
    id: 'u',
    host: 'client',
    balance: 'round-robin',
    targets: [],
    probed: false,
    panic: 0.5,
    slowStart: 0,
    zone: null,
    sticky: null,
    passive: null,
    ...spec,
  };
  const upstream = new Upstream(whole, learnt, {
    take(of, address) {
      const key = address === null ? of.id : `${of.id} ${address}`;
      let load = loads.get(key);
      if (load === undefined) loads.set(key, (load = new Load()));
      return new Endpoint(of, key, transport, load);
    },
    free: () => undefined,
  });
  return { upstream, learnt };
}

/** Keys of the endpoints chosen for `count` requests, and how often each was. */
export function spread(upstream: Upstream, count: number, x = request()): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < count; i++) {
    const chosen = upstream.pick(x, null) as Endpoint | null;
    const key = chosen?.key ?? '-';
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}
