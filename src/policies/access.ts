import { z } from 'zod';
import { consumerId, groupName } from '../contracts/consumer.ts';
import type { Identity } from '../contracts/http.ts';
import type { Hooks, Policy } from '../contracts/policy.ts';
import { problemReply } from '../lib/problem.ts';

const NOBODY = 'an empty list lets nobody in: name one, or leave the key out';

const schema = z.strictObject({
  consumers: z.array(consumerId).min(1, NOBODY).optional().describe('Consumers that may call: one of them.'),
  groups: z.array(groupName).min(1, NOBODY).optional().describe('Groups that may call: a member of one.'),
  scopes: z.array(groupName).min(1, NOBODY).optional().describe('Scopes that are needed: all of them.'),
});

/** Admits callers by who they are; what is given must all hold. */
export const access: Policy<z.output<typeof schema>> = { name: 'access', schema, compile };

function compile({ consumers, groups, scopes }: z.output<typeof schema>): Hooks | null {
  if (consumers === undefined && groups === undefined && scopes === undefined) return null;
  const named = consumers && new Set(consumers);
  const member = groups && new Set(groups);
  const mayCall = (who: Identity): boolean =>
    (named === undefined || (who.consumer !== null && named.has(who.consumer))) &&
    (member === undefined || who.groups.some((group) => member.has(group))) &&
    (scopes === undefined || scopes.every((scope) => who.scopes.includes(scope)));
  return {
    request: (x) =>
      x.identity !== null && mayCall(x.identity)
        ? undefined
        : problemReply('forbidden', 'You may not use this route.', x.id),
  };
}
