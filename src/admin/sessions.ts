import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { consumerId, groupName } from '../contracts/consumer.ts';
import { duration } from '../contracts/units.ts';
import { input } from './input.ts';
import { Refusal } from './refusal.ts';

/** Whom a new session stands for; times in milliseconds. */
interface NewSession {
  readonly user: string | null;
  readonly consumer: string | null;
  readonly groups: readonly string[];
  readonly scopes: readonly string[];
  readonly idle: number;
  readonly lifetime: number;
}

export interface SessionBook {
  /** Null = there are too many. */
  begin(wanted: NewSession): Promise<{ id: string; session: { readonly expires: number } } | null>;
  /** False = there is no such session. */
  end(id: string): Promise<boolean>;
}

const sent = z
  .strictObject({
    user: z.string().min(1).max(256).nullable().default(null),
    consumer: consumerId.nullable().default(null),
    groups: z.array(groupName).max(256).default([]),
    scopes: z.array(groupName).max(256).default([]),
    ttl: duration.refine((ms) => ms > 0, 'a session lives longer than that').prefault('12h'),
    idle: duration.prefault('30m'),
  })
  .refine(({ user, consumer }) => user !== null || consumer !== null, {
    error: 'a session stands for somebody: name a user, a consumer or both',
  });

/** `/sessions`: the id is shown once, in the answer to the POST that made it. */
export function registerSessions(api: FastifyInstance, book: SessionBook): void {
  api.post('/sessions', async (request, reply) => {
    const { ttl, ...wanted } = input(sent, request.body);
    const made = await book.begin({ ...wanted, lifetime: ttl });
    if (made === null) throw new Refusal('overload', 'There are too many sessions.');
    const expires = new Date(made.session.expires).toISOString();
    return reply.code(201).send({ id: made.id, ...wanted, expires });
  });

  api.delete('/sessions/:id', async (request, reply) => {
    if (await book.end(idOf(request))) return reply.code(204).send();
    throw new Refusal('not_found', 'There is no such session.');
  });
}

const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id;
