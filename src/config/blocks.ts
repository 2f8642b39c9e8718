import { AUTHENTICATORS } from '../auth/index.ts';
import type { AuthSite } from '../contracts/auth.ts';
import type { Site } from '../contracts/policy.ts';
import { noConsumers } from '../lib/inert.ts';
import { POLICIES, type AnyPolicy } from '../policies/index.ts';

/** What may stand in a `policies` map: a policy, or an authenticator that the `auth` policy runs. */
export type Block = Pick<AnyPolicy, 'name' | 'schema'> & {
  /** Throws when the options do not fit the place; what it gives is for the gateway, not for a check. */
  compile(options: unknown, site: Site): unknown;
};

const siteFor = ({ route, services }: Site): AuthSite => ({
  route,
  consumers: noConsumers,
  services: services.auth,
});

export const BLOCKS: readonly Block[] = [
  ...POLICIES,
  ...AUTHENTICATORS.map((each) => ({
    name: each.name,
    schema: each.schema,
    compile: (options: unknown, site: Site) => each.compile(options, siteFor(site)),
  })),
];
