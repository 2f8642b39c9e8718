import { z } from 'zod';
import { input } from './input.ts';

/** One page of a list; `next` is the `cursor` of the next one, null on the last. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const query = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().optional(),
});

/**
 * The page that `?limit=` and `?cursor=` ask for. Items are in the order of their ids, so that pages hold together
 * while items come and go.
 */
export function page<T, V>(
  all: Iterable<T>,
  idOf: (item: T) => string,
  asked: unknown,
  view: (item: T) => V,
): Page<V> {
  const { limit, cursor = '' } = input(query, asked);
  const after = [...all]
    .map((item) => ({ id: idOf(item), item }))
    .filter(({ id }) => id > cursor)
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const taken = after.slice(0, limit);
  const next = after.length > limit ? (taken.at(-1)?.id ?? null) : null;
  return { items: taken.map(({ item }) => view(item)), next };
}
