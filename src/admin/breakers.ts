import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { input } from './input.ts';
import { page } from './list.ts';
import { Refusal } from './refusal.ts';

/** A breaker as the API shows it. */
export interface BreakerView {
  readonly upstream: string;
  /** Empty for the upstream's own. */
  readonly target: string;
  readonly state: string;
  readonly forced: 'open' | 'closed' | null;
}

/** The breakers of this node. */
export interface BreakerBook {
  list(): readonly BreakerView[];
  /** Null = there is no such breaker. */
  force(upstream: string, target: string, forced: 'open' | 'closed' | null): BreakerView | null;
}

const order = z.strictObject({
  upstream: z.string().min(1),
  target: z.string().default('').describe('host:port; left out, the breaker of the upstream is meant.'),
  action: z.enum(['open', 'close', 'auto']).describe('auto = it rules itself again.'),
});

const idOf = ({ upstream, target }: BreakerView): string => `${upstream} ${target}`;

const FORCE = { open: 'open', close: 'closed', auto: null } as const;

/** `/breakers`. */
export function registerBreakers(api: FastifyInstance, book: BreakerBook): void {
  api.get('/breakers', (request) => page(book.list(), idOf, request.query, (each) => each));

  api.post('/breakers', (request, reply) => {
    const { upstream, target, action } = input(order, request.body);
    const view = book.force(upstream, target, FORCE[action]);
    if (view === null) throw new Refusal('not_found', 'There is no such breaker.');
    return reply.code(201).send(view);
  });
}
