import type { AttemptRules } from './attempts.ts';
import type { GatewayConfig } from './config.ts';
import type { Attempt, Exchange, RouteInfo } from './exchange.ts';
import type { FaultCode } from './fault.ts';
import type { Headers, Reply, ReplyHead } from './http.ts';
import type { Step } from './policy.ts';
import type { Target, Timeouts } from './transport.ts';

/** A numbered configuration as plain data: validated, defaults filled, files read, ready to be sent to workers. */
export interface Snapshot {
  readonly generation: number;
  readonly config: GatewayConfig;
}

/** Chooses targets, and hears how the attempts at them went. */
export interface Upstream {
  readonly id: string;
  /** Host to send: the client's, the target's, or a fixed name. */
  readonly host: 'client' | 'target' | { readonly name: string };
  /**
   * The next target for `x`. One of `tried` (null = none yet) only when no other that is fit is left: whoever gets
   * one of them has seen all. Null = none.
   */
  pick(x: Exchange, tried: readonly Target[] | null): Target | null;
  /** Before each attempt at one of its targets, after the hooks of the route. */
  readonly attempt: readonly ((a: Attempt) => void)[];
  /** A reply head has come, nothing is decided about it yet; `head` may be changed. */
  readonly replied: readonly ((a: Attempt, head: ReplyHead) => void)[];
  /** After each attempt, however it ended; `status` 0 without `fault` = given up, which tells nothing of the target. */
  readonly settled: readonly ((a: Attempt) => void)[];
  /** What is done about failures; null = nothing. */
  readonly rules: AttemptRules | null;
}

/** A route compiled: arrays of hooks, nothing left to decide per request. */
export interface Route extends RouteInfo {
  readonly request: readonly ((x: Exchange) => Step)[];
  readonly attempt: readonly ((a: Attempt) => void)[];
  readonly settled: readonly ((a: Attempt) => void)[];
  /** In running order (reverse of the table). `depth` = how many request hooks must have begun for this one to run; 0 = always. */
  readonly response: readonly { readonly depth: number; run(x: Exchange): undefined | Reply }[];
  readonly done: readonly ((x: Exchange) => void)[];
  /** The reply of a `respond` route. */
  readonly respond: Reply | null;
  /** What a route without a target answers: 404, 405. Null on configured routes. */
  readonly refuse: FaultCode | null;
  readonly upstream: Upstream | null;
  readonly timeouts: Timeouts;
  /** Who goes first at an upstream that is at its limit: 0 = high, 1 = normal, 2 = low. */
  readonly rank: number;
  /** Largest request body in bytes. */
  readonly bodyBytes: number;
  /** How many slots an exchange on this route needs. */
  readonly slots: number;
}

/** What `find` learns besides the route. */
export interface Match {
  params: string[];
  /** Methods for an Allow field, when the answer is 405. */
  allow: string;
}

/** What routes are matched by. */
export interface Wanted {
  /** Method to match (for a CORS preflight: the one it asks for). */
  readonly method: string;
  /** Lower-case host without port. */
  readonly host: string;
  /** Normalised path. */
  readonly path: string;
  readonly query: string;
  readonly headers: Headers;
}

/** A snapshot compiled: configuration as machinery. Frozen; replaced whole. */
export interface Runtime {
  readonly generation: number;
  readonly config: GatewayConfig;
  /** Not found, not allowed and refused by the edge are routes too, so that policies, log and metrics see them. */
  find(wanted: Wanted, match: Match): Route;
  readonly notFound: Route;
  readonly notAllowed: Route;
  /** Serves what was refused before a route could be looked for. */
  readonly refused: Route;
  /** Names a client may never send: identity fields used anywhere in the configuration. `_` counts as `-`. */
  readonly identityHeaders: { has(name: string): boolean };
  /** Whether an address is in `trustedProxies`. */
  trusts(ip: string): boolean;
  /** An exchange begins with this runtime and keeps it to its end. */
  enter(): void;
  /** That exchange is finished. */
  leave(): void;
  /** No new exchange begins with it: gives back what it claimed (pools ...) once the last one has left. */
  retire(): void;
}

/** State that outlives a reload, claimed by identity and counted: the last release closes it. */
export interface Keep {
  use<T extends { close(): void }>(kind: string, identity: string, make: () => T): T;
  release(kind: string, identity: string): void;
}
