import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { input } from './input.ts';
import { page } from './list.ts';
import { Refusal } from './refusal.ts';

/** One target as the API shows it. */
export interface TargetView {
  /** `host:port` as configured. */
  readonly id: string;
  /** The weight that counts, and the one of the configuration. */
  readonly weight: number;
  readonly configuredWeight: number;
  readonly priority: number;
  readonly zone: string | null;
  /** Whether one of its addresses is used, as far as probes and ejections say. */
  readonly healthy: boolean;
  /** What a name stands for now; one entry, the target itself, where the host is an address. */
  readonly addresses: readonly {
    readonly address: string;
    readonly healthy: boolean;
    readonly ejected: boolean;
  }[];
}

/** The targets of this node. */
export interface TargetBook {
  /** Null = no such upstream. */
  targetsOf(upstream: string): readonly TargetView[] | null;
  /** Null = as configured. */
  setWeight(upstream: string, target: string, weight: number | null): void;
}

const change = z.strictObject({
  weight: z.int().min(0).max(1000).nullable(),
});

const upstreamOf = z.object({ upstream: z.string() });
const targetOf = z.object({ upstream: z.string(), target: z.string() });

/** `/upstreams/:upstream/targets`: who is well, and weights that change while the gateway runs. */
export function registerTargets(api: FastifyInstance, book: TargetBook): void {
  api.get('/upstreams/:upstream/targets', (request) => {
    const { upstream } = input(upstreamOf, request.params);
    return page(all(book, upstream), ({ id }) => id, request.query, viewOf);
  });

  api.get('/upstreams/:upstream/targets/:target', (request) => {
    const { upstream, target } = input(targetOf, request.params);
    return viewOf(one(book, upstream, target));
  });

  // A merge patch (RFC 7396): null takes back what was set.
  api.patch('/upstreams/:upstream/targets/:target', (request) => {
    const { upstream, target } = input(targetOf, request.params);
    const { weight } = input(change, request.body);
    book.setWeight(upstream, one(book, upstream, target).id, weight);
    return viewOf(one(book, upstream, target));
  });
}

/** Only this: the book may know more. */
function viewOf({
  id,
  weight,
  configuredWeight,
  priority,
  zone,
  healthy,
  addresses,
}: TargetView): TargetView {
  return { id, weight, configuredWeight, priority, zone, healthy, addresses };
}

function all(book: TargetBook, upstream: string): readonly TargetView[] {
  const targets = book.targetsOf(upstream);
  if (targets === null) throw new Refusal('not_found', 'There is no upstream with this id.');
  return targets;
}

function one(book: TargetBook, upstream: string, target: string): TargetView {
  const found = all(book, upstream).find(({ id }) => id === target);
  if (found === undefined) throw new Refusal('not_found', 'This upstream has no such target.');
  return found;
}
