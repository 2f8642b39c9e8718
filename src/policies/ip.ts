import { z } from 'zod';
import type { Hooks, Policy } from '../contracts/policy.ts';
import { CidrSet, parseCidr } from '../lib/cidr.ts';
import { problemReply } from '../lib/problem.ts';

const blocks = z
  .array(
    z.string().refine((text) => parseCidr(text) !== null, {
      error: ({ input }) => `${JSON.stringify(input)} is not an IP address or CIDR`,
    }),
  )
  .min(1, 'an empty list refuses nobody and admits nobody: name an address, or leave the key out');

const schema = z.strictObject({
  allow: blocks.optional().describe('Addresses and CIDRs that may call; everyone else is refused.'),
  deny: blocks.optional().describe('Addresses and CIDRs that may not call, even when they are in allow.'),
});

/** Admits or refuses by the client's address, as `trustedProxies` made it known. */
export const ip: Policy<z.output<typeof schema>> = { name: 'ip', schema, compile };

function compile(options: z.output<typeof schema>): Hooks | null {
  if (options.allow === undefined && options.deny === undefined) return null;
  const denied = new CidrSet(options.deny ?? []);
  // Everyone, when nobody is named: both families by their widest block.
  const allowed = new CidrSet(options.allow ?? ['0.0.0.0/0', '::/0']);
  return {
    request: (x) =>
      allowed.has(x.ip) && !denied.has(x.ip)
        ? undefined
        : problemReply('forbidden', 'This address may not use this route.', x.id),
  };
}
