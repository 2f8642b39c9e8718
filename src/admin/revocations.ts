import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { moment } from '../contracts/consumer.ts';
import type { RevocationKind } from '../contracts/session.ts';
import { input } from './input.ts';
import { page } from './list.ts';
import { Refusal } from './refusal.ts';

interface Entry {
  readonly kind: RevocationKind;
  readonly subject: string;
  /** Milliseconds since 1970; null = for ever. */
  readonly expires: number | null;
}

export interface RevocationBook {
  list(): Iterable<Entry>;
  /** False = there are too many. */
  add(entry: Entry): Promise<boolean>;
  /** False = there is no such entry. */
  remove(kind: RevocationKind, subject: string): Promise<boolean>;
}

const KINDS = ['jti', 'sub', 'key'] as const;
const subject = z.string().min(1).max(512).optional();

const sent = z
  .strictObject({ jti: subject, sub: subject, key: subject, expires: moment.optional() })
  .refine((body) => KINDS.filter((kind) => body[kind] !== undefined).length === 1, {
    error: 'name one of jti, sub and key',
  });

/**
 * `/revocations`: a token by its `jti`, everything of a user by `sub`, an API key by `CONSUMER/KEY` or its id. It
 * counts in every worker before the answer is a tenth of a second old.
 */
export function registerRevocations(api: FastifyInstance, book: RevocationBook): void {
  api.get('/revocations', (request) =>
    page(book.list(), ({ kind, subject }) => `${kind}:${subject}`, request.query, view),
  );

  api.post('/revocations', async (request, reply) => {
    const body = input(sent, request.body);
    const entry = entryOf(body);
    if (!(await book.add(entry))) throw new Refusal('overload', 'There are too many revocations.');
    return reply.code(201).send(view(entry));
  });

  api.delete('/revocations/:id', async (request, reply) => {
    const { id } = request.params as { id: string };
    const kind = KINDS.find((each) => id.startsWith(`${each}:`));
    if (kind !== undefined && (await book.remove(kind, id.slice(kind.length + 1))))
      return reply.code(204).send();
    throw new Refusal('not_found', 'There is no such revocation.');
  });
}

function entryOf(body: z.output<typeof sent>): Entry {
  const kind = KINDS.find((each) => body[each] !== undefined) ?? 'jti';
  const expires = body.expires === undefined ? null : Date.parse(body.expires);
  return { kind, subject: body[kind] ?? '', expires };
}

/** `id` is what DELETE takes. */
const view = ({ kind, subject, expires }: Entry) => ({
  id: `${kind}:${subject}`,
  [kind]: subject,
  ...(expires !== null && { expires: new Date(expires).toISOString() }),
});
