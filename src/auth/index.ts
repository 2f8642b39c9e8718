import type { Authenticator } from '../contracts/auth.ts';
import { basic } from './basic.ts';
import { jwt } from './jwt.ts';
import { key } from './key.ts';
import { session } from './session.ts';

/**
 * An authenticator whose options are nobody else's business: they come unchecked, and what breaks the schema is a
 * `ZodError`.
 */
export type AnyAuthenticator = Authenticator<unknown>;

/** Ties a schema to its compiler, so that a list of different authenticators needs neither `any` nor a cast. */
export const sealed = <O>(each: Authenticator<O>): AnyAuthenticator => ({
  name: each.name,
  schema: each.schema,
  compile: (options, site) => each.compile(each.schema.parse(options), site),
  challenge: (options) => each.challenge(each.schema.parse(options)),
  conceal: (options) => each.conceal?.(each.schema.parse(options)) ?? null,
  parameters: (options) => each.parameters?.(each.schema.parse(options)) ?? [],
  sends: (options) => each.sends?.(each.schema.parse(options)) ?? [],
});

/** Every authenticator. The order of this list is the order in which they are asked. */
export const AUTHENTICATORS: readonly AnyAuthenticator[] = [
  sealed(jwt),
  sealed(key),
  sealed(session),
  sealed(basic),
];
