import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { basicCredentials, consumer, consumerId, consumerKey } from '../contracts/consumer.ts';
import type { Consumer } from '../contracts/consumer.ts';
import { checkPreconditions, etagOf } from './etag.ts';
import { input, invalid } from './input.ts';
import { page } from './list.ts';
import { mergePatch } from './merge-patch.ts';
import { Refusal } from './refusal.ts';

/** A consumer that is served, and where it comes from. */
export interface Served {
  readonly consumer: Consumer;
  readonly source: 'file' | 'api';
}

/** The consumers of this node. */
export interface ConsumerBook {
  consumers(): Iterable<Served>;
  consumer(id: string): Served | null;
  /** Changes one and serves that; rejects with what `edit` throws. */
  change(id: string, actor: string, edit: (present: Served | null) => Consumer | null): Promise<Changed>;
  /** Takes back what the API has said of one; rejects with what `allow` throws. */
  forget(
    id: string,
    actor: string,
    allow: (present: Served | null, isSaid: boolean) => void,
  ): Promise<Changed>;
}

/** `ok: false` = nothing has changed. */
type Changed = { readonly ok: true } | { readonly ok: false; readonly why: string };

/** What may be sent: what was read may come back, and a secret that is left out stays as it is. */
const sentKey = consumerKey.partial({ hash: true }).extend({ prefix: z.unknown().optional() });
const sentBody = consumer.omit({ id: true }).extend({
  id: consumerId.optional(),
  keys: z.array(sentKey).default([]),
  basic: basicCredentials.partial({ hash: true }).optional(),
  source: z.unknown().optional(),
});
type Sent = z.output<typeof sentBody>;

/** What the API shows of a consumer: no hash of anything. */
export function viewOf({ consumer: { id, groups, keys, basic }, source }: Served) {
  return {
    id,
    groups,
    keys: keys.map(keyView),
    ...(basic && { basic: { username: basic.username ?? id } }),
    source,
  };
}

/** What an ETag stands for: what is shown, and the secrets that are not. */
const stateOf = (served: Served) => ({
  ...viewOf(served),
  hashes: [served.consumer.basic?.hash, ...served.consumer.keys.map(({ hash }) => hash)],
});

/** What the API shows of a key. */
export function keyView({ id, hash, expires }: Consumer['keys'][number]) {
  return { id, prefix: hash.split(':')[1], ...(expires !== undefined && { expires }) };
}

/** `/consumers` and `/consumers/:id`. */
export function registerConsumers(api: FastifyInstance, book: ConsumerBook): void {
  api.get('/consumers', (request) =>
    page(book.consumers(), ({ consumer }) => consumer.id, request.query, viewOf),
  );

  api.post('/consumers', async (request, reply) => {
    const sent = input(sentBody.required({ id: true }), request.body);
    await put(book, request, sent.id, (present) => {
      if (present !== null) throw new Refusal('conflict', 'There is a consumer with this id.');
      return complete(sent.id, sent, null);
    });
    return answer(
      reply.code(201).header('location', `/api/v1/consumers/${encodeURIComponent(sent.id)}`),
      book,
      sent.id,
    );
  });

  api.get('/consumers/:id', (request, reply) => answer(reply, book, idOf(request)));

  api.put('/consumers/:id', async (request, reply) => {
    const id = idOf(request);
    const sent = input(sentBody, request.body);
    let made = false;
    await put(book, request, id, (present) => {
      made = present === null;
      return complete(id, sent, present);
    });
    return answer(reply.code(made ? 201 : 200), book, id);
  });

  // A merge patch (RFC 7396): members that are sent replace, null removes.
  api.patch('/consumers/:id', async (request, reply) => {
    const id = idOf(request);
    await put(book, request, id, (present) => {
      if (present === null) throw noSuchConsumer();
      return complete(id, input(sentBody, mergePatch(viewOf(present), request.body)), present);
    });
    return answer(reply, book, id);
  });

  api.delete('/consumers/:id', async (request, reply) => {
    await put(book, request, idOf(request), (present) => {
      if (present === null) throw noSuchConsumer();
      return null;
    });
    return reply.code(204).send();
  });

  // What the API said of it, a removal too: without that the file's word counts again.
  api.delete('/consumers/:id/override', async (request, reply) => {
    const outcome = await book.forget(idOf(request), request.actor, (present, isSaid) => {
      checkPreconditions(request, present === null ? null : stateOf(present));
      if (!isSaid) throw new Refusal('not_found', 'The API has said nothing of this consumer.');
    });
    if (!outcome.ok) throw invalid([{ path: '', message: outcome.why }]);
    return reply.code(204).send();
  });
}

/** Changes a consumer when the request's preconditions hold. */
export async function put(
  book: ConsumerBook,
  request: FastifyRequest,
  id: string,
  edit: (present: Served | null) => Consumer | null,
): Promise<void> {
  const outcome = await book.change(id, request.actor, (present) => {
    checkPreconditions(request, present === null ? null : stateOf(present));
    return edit(present);
  });
  if (!outcome.ok) throw invalid([{ path: '', message: outcome.why }]);
}

export const idOf = ({ params }: FastifyRequest): string => (params as { id: string }).id;

export const noSuchConsumer = (): Refusal => new Refusal('not_found', 'There is no such consumer.');

function answer(reply: FastifyReply, book: ConsumerBook, id: string): FastifyReply {
  const served = book.consumer(id);
  if (served === null) throw noSuchConsumer();
  return reply.header('etag', etagOf(stateOf(served))).send(viewOf(served));
}

/** What was sent with the secrets that were left out. */
function complete(id: string, sent: Sent, present: Served | null): Consumer {
  if (sent.id !== undefined && sent.id !== id)
    throw invalid([{ path: 'id', message: 'the id of a consumer does not change' }]);
  const { keys = [], basic } = present?.consumer ?? {};
  const filled = {
    id,
    groups: sent.groups,
    keys: sent.keys.map(({ prefix: _, ...key }) => ({
      ...key,
      hash: key.hash ?? keys.find((each) => each.id === key.id)?.hash,
    })),
    ...(sent.basic && { basic: { ...sent.basic, hash: sent.basic.hash ?? basic?.hash } }),
  };
  const checked = input(consumer, filled);
  const ids = checked.keys.map((key) => key.id);
  const repeated = ids.findIndex((each, i) => ids.indexOf(each) < i);
  if (repeated >= 0)
    throw invalid([{ path: `keys.${repeated}.id`, message: 'a key above has this id: rename one' }]);
  return checked;
}
