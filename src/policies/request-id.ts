import { z } from 'zod';
import type { Exchange } from '../contracts/exchange.ts';
import type { Hooks, Policy } from '../contracts/policy.ts';
import { setField } from '../lib/fields.ts';
import { newTraceId } from '../lib/ids.ts';
import { fieldNameMistake } from '../lib/field-names.ts';

const DEFAULT_HEADER = 'x-request-id';

const schema = z.strictObject({
  header: z
    .string()
    .toLowerCase()
    .superRefine((name, context) => {
      const mistake = name === DEFAULT_HEADER ? null : fieldNameMistake(name, 'request');
      if (mistake !== null) context.addIssue(mistake);
    })
    .default(DEFAULT_HEADER)
    .describe('Field that carries the id on the reply and, beside X-Request-Id, to the upstream.'),
  trust: z
    .enum(['proxies', 'never'])
    .default('proxies')
    .describe('Whose X-Request-Id is kept: that of trustedProxies, or nobody’s.'),
  response: z.boolean().default(true).describe('Whether the reply carries the id.'),
});

/**
 * Shows the request id to the client. The id itself exists without this policy: it is in the log and
 * always goes to the upstream as `X-Request-Id`.
 */
export const requestId: Policy<z.output<typeof schema>> = { name: 'request-id', schema, compile };

function compile({ header, trust, response }: z.output<typeof schema>): Hooks | null {
  const renew = trust === 'never';
  const copy = header !== DEFAULT_HEADER;
  const hooks: Hooks = {};
  if (renew || copy) {
    hooks.request = (x: Exchange): undefined => {
      if (renew) x.id = newTraceId();
      if (copy) setField(x.headers, header, x.id);
    };
  }
  if (response) {
    hooks.response = (x: Exchange): undefined => {
      x.reply?.set(header, x.id);
    };
  }
  return renew || copy || response ? hooks : null;
}
