import type { FastifyInstance, FastifyRequest } from 'fastify';
import { newKey } from '../auth/key-hash.ts';
import { consumerKey } from '../contracts/consumer.ts';
import type { ConsumerKey } from '../contracts/consumer.ts';
import { idOf, keyView, noSuchConsumer, put } from './consumers.ts';
import type { ConsumerBook } from './consumers.ts';
import { input } from './input.ts';
import { page } from './list.ts';
import { Refusal } from './refusal.ts';

/** `hash` is for a key that exists already; without it a new one is made. */
const sentKey = consumerKey.partial({ id: true, hash: true });

/** `/consumers/:id/keys`: a key itself is shown once, in the answer to the POST that made it. */
export function registerConsumerKeys(api: FastifyInstance, book: ConsumerBook): void {
  api.get('/consumers/:id/keys', (request) => {
    const served = book.consumer(idOf(request));
    if (served === null) throw noSuchConsumer();
    return page(served.consumer.keys, ({ id }) => id, request.query, keyView);
  });

  api.post('/consumers/:id/keys', async (request, reply) => {
    const { id, hash, expires } = input(sentKey, request.body);
    const made = hash === undefined ? newKey() : { hash };
    const prefix = made.hash.split(':')[1] ?? '';
    const key: ConsumerKey = { id: id ?? prefix, hash: made.hash, ...(expires !== undefined && { expires }) };
    await put(book, request, idOf(request), (present) => {
      if (present === null) throw noSuchConsumer();
      const { consumer } = present;
      if (consumer.keys.some((each) => each.id === key.id))
        throw new Refusal('conflict', 'The consumer has a key with this id.');
      return { ...consumer, keys: [...consumer.keys, key] };
    });
    const path = `/api/v1/consumers/${encodeURIComponent(idOf(request))}/keys/${encodeURIComponent(key.id)}`;
    return reply
      .code(201)
      .header('location', path)
      .send({ ...keyView(key), ...('key' in made && { key: made.key }) });
  });

  api.delete('/consumers/:id/keys/:key', async (request, reply) => {
    const id = keyOf(request);
    await put(book, request, idOf(request), (present) => {
      if (present === null) throw noSuchConsumer();
      const { consumer } = present;
      const keys = consumer.keys.filter((each) => each.id !== id);
      if (keys.length === consumer.keys.length)
        throw new Refusal('not_found', 'The consumer has no such key.');
      return { ...consumer, keys };
    });
    return reply.code(204).send();
  });
}

const keyOf = ({ params }: FastifyRequest): string => (params as { key: string }).key;
