import type { AuthServices, Consumers } from '../contracts/auth.ts';
import type { Facts } from '../contracts/facts.ts';
import type { Services } from '../contracts/policy.ts';
import type { Bucket, LimitStore } from '../contracts/stores.ts';

const bucket: Bucket = { take: () => 0, give: () => undefined, resetMs: () => 0 };

/** Counts nothing and refuses nobody. */
const limits: LimitStore = { bucket: () => bucket, close: () => Promise.resolve() };

/** Knows nothing and tells nobody. */
export const inertFacts: Facts = { tell: () => undefined, get: () => undefined, on: () => () => undefined };

/** Accepts nobody. */
export const inertAuth: AuthServices = {
  facts: inertFacts,
  verifier: { start: () => undefined, signature: () => null, password: () => null },
  sessions: { find: () => undefined },
  revocations: { complete: true, has: () => false },
};

export const noConsumers: Consumers = {
  get: () => undefined,
  keys: () => [],
  login: () => undefined,
  nobody: '',
};

/** For compiling a configuration only to see whether it can be served. */
export const inertServices: Services = {
  limits,
  auth: inertAuth,
  counter: () => ({ inc: () => undefined }),
};
