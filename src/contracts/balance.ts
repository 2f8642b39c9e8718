import { z } from 'zod';
import { fileRef } from './blocks.ts';

/** The parts of an upstream's configuration that say who of several targets is chosen. */

/** RFC 9110 section 5.6.2 (also the grammar of a cookie's name), as far as it needs no escape in a URL. */
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

const hashKey = z
  .string()
  .refine((text) => {
    if (text === 'ip' || text === 'path') return true;
    const [, kind = '', name = ''] = /^(header|cookie|query):(.*)$/s.exec(text) ?? [];
    return kind !== '' && NAME.test(name);
  }, 'hash is ip, path, header:NAME, cookie:NAME or query:NAME')
  .describe('ip, path, header:NAME, cookie:NAME or query:NAME; a request without it goes by its ip.');

export const balance = z
  .union([
    z.enum(['round-robin', 'least-request', 'p2c', 'ewma', 'random']),
    z.strictObject({ hash: hashKey }),
  ])
  .default('round-robin')
  .describe(
    'Rule that chooses a target. round-robin: smooth, weighted; least-request: fewest in flight; p2c: the less busy of two; ewma: of two by latency and requests in flight; random; hash: the same key, the same target.',
  );

export const sticky = z.strictObject({
  cookie: z
    .string()
    .regex(NAME, 'a cookie name is made of letters, digits and a few signs')
    .describe('Name of the cookie that keeps a client at its target.'),
  secret: z
    .union([z.string().min(1), fileRef])
    .optional()
    .describe(
      'Key of the cookie values, the same on every node; default: a random one of this node, new at each start.',
    ),
});

export type BalanceRule = z.output<typeof balance>;
