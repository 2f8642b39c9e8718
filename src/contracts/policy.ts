import type { ZodType } from 'zod';
import type { AuthServices, BoundAuthenticator, Consumers } from './auth.ts';
import type { GatewayConfig } from './config.ts';
import type { Attempt, Exchange, RouteInfo, Slot } from './exchange.ts';
import type { Reply } from './http.ts';
import type { LimitStore } from './stores.ts';

/** go on | answer now | wait, then one of the two. Promises must be native ones. */
export type Step = undefined | Reply | Promise<undefined | Reply>;

/** The moments at which a policy may act. Give only those needed: an absent hook costs nothing. */
export interface Hooks {
  /** In table order, before any upstream work. */
  request?(x: Exchange): Step;
  /** Before each try. */
  attempt?(a: Attempt): void;
  /** After each try, good or bad. */
  settled?(a: Attempt): void;
  /**
   * In reverse order, the head is known and nothing is sent; only if the request hook ran (a policy without one has a
   * say in every reply). May replace the reply.
   */
  response?(x: Exchange): undefined | Reply;
  /** Exactly once, after the last byte or the abort. */
  done?(x: Exchange): void;
}

/** A policy: a name, the only description of its options, and a compiler from options to hooks. */
export interface Policy<O> {
  readonly name: string;
  /** Options with defaults and bounds; every key carries a `.describe()`. */
  readonly schema: ZodType<O>;
  /** Runs when a configuration is loaded, never per request. Null = switched off on this route. */
  compile(options: O, site: Site): Hooks | null;
}

/** What a policy may touch while it is compiled for one route. */
export interface Site {
  readonly route: RouteInfo;
  /** Path parameters of the route's patterns, so that templates can be checked: name -> index in `Exchange.params`. */
  readonly params: ReadonlyMap<string, number>;
  /**
   * Whose options these are: the id of the route, or `global` for those of the root. Part of the identity of whatever
   * is counted over many requests.
   */
  readonly scope: string;
  /** How replies tell of limits. */
  readonly rateLimitHeaders: GatewayConfig['rateLimitHeaders'];
  /** A policy that acts at several places of the order names its slot, so that each of them gets the same one. */
  slot<T>(shared?: string): Slot<T>;
  /** The authenticators in effect on this route, in the order in which they are asked; for the `auth` policy. */
  authenticators(): readonly BoundAuthenticator[];
  /** The consumers of this configuration. */
  readonly consumers: Consumers;
  readonly services: Services;
}

/** Counts one series; labels are bound when a configuration is compiled. */
export interface Count {
  inc(): void;
}

/** What a process offers to policies. Where a configuration is only checked, they do nothing. */
export interface Services {
  readonly limits: LimitStore;
  readonly auth: AuthServices;
  /**
   * A counter of the contract (the key of its family in `observe/families.ts`), labels in declared order; never
   * a value that a client can choose.
   */
  counter(family: string, ...labels: readonly string[]): Count;
}
