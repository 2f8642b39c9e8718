import type { Policy } from '../contracts/policy.ts';
import { access } from './access.ts';
import { auth } from './auth.ts';
import { cors } from './cors.ts';
import { headers } from './headers.ts';
import { ip } from './ip.ts';
import { limitAnyone, limitCallers } from './limit.ts';
import { requestId } from './request-id.ts';
import { rewrite } from './rewrite.ts';

/**
 * A policy whose options are nobody else's business: `compile` takes them unchecked, and throws a
 * `ZodError` (paths begin below the policy's own key) when they break the schema or do not fit the route.
 */
export type AnyPolicy = Policy<unknown>;

/** Ties a schema to its compiler, so that a list of different policies needs neither `any` nor a cast. */
const sealed = <O>(policy: Policy<O>): AnyPolicy => ({
  name: policy.name,
  schema: policy.schema,
  compile: (options, site) => policy.compile(policy.schema.parse(options), site),
});

/** Every policy. The order of this list is the order in which they run, whatever the configuration says. */
export const POLICIES: readonly AnyPolicy[] = [
  sealed(requestId),
  sealed(ip),
  sealed(cors),
  sealed(limitAnyone),
  sealed(auth),
  sealed(access),
  sealed(limitCallers),
  sealed(rewrite),
  sealed(headers),
];
