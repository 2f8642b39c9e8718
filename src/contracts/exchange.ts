import type { Fault } from './fault.ts';
import type { Headers, Identity, ReplyHead, RequestHead } from './http.ts';
import type { Target } from './transport.ts';

/** What everyone may know of the route that serves an exchange. */
export interface RouteInfo {
  /** Route id; for answers without a route `-` (no label takes a value that a client can choose). */
  readonly id: string;
  /** Names of the `:param`s of the matched pattern are resolved by the router; values are in `Exchange.params`. */
  readonly upstreamId: string | null;
}

/** Private scratch of one policy on one exchange; the index is fixed when the route is compiled. */
export interface Slot<_T> {
  readonly index: number;
}

/** Extra fields that a policy may add to the access log line. */
export type LogField = 'consumer' | 'limit' | 'cache';

/** One client request and its answer, as policies see it. */
export interface Exchange {
  /** Request id: 1 to 128 characters of `[A-Za-z0-9._~+/=:@-]`. */
  id: string;
  /** Trace id, 32 hex digits. */
  readonly traceId: string;
  readonly route: RouteInfo;
  /** When the hooks began to run, or to run on after one that had to wait; milliseconds of `performance.now()`. */
  readonly walkedAt: number;
  /** Values of the matched pattern's parameters in order; a trailing `*` is the last one. */
  readonly params: readonly string[];
  readonly method: string;
  readonly scheme: 'http' | 'https';
  /** Host field as received, lower-case, without port. */
  readonly host: string;
  /** Address of the client after `trustedProxies` were applied; text form. */
  readonly ip: string;
  /** Address of the connection's peer. */
  readonly peer: string;
  /**
   * End-to-end request fields. A policy may change the list in place before the first attempt. The list is made when it is
   * first asked for, which costs more than all of the methods below.
   */
  readonly headers: Headers;
  /** First value of a request field, `name` in lower case. */
  header(name: string): string | undefined;
  /** Values of every request field of that name. */
  fields(name: string): readonly string[];
  /** Removes every request field of that name, before the first attempt. */
  removeHeader(name: string): void;
  /** Normalised path; a rewrite may change it before the first attempt. */
  path: string;
  /** Query without `?`; empty when there is none. */
  query: string;
  identity: Identity | null;
  /** Set from the response hooks on. */
  readonly reply: ReplyHead | null;
  readonly fault: Fault | null;
  readonly aborted: boolean;
  readonly attempts: number;
  note(field: LogField, value: string): void;
  get<T>(slot: Slot<T>): T | undefined;
  set<T>(slot: Slot<T>, value: T): void;
}

/** One try at one target. */
export interface Attempt {
  readonly exchange: Exchange;
  /** 1 for the first. */
  readonly number: number;
  /** Upstream of the target: with a fallback not the one of the route. */
  readonly upstream: { readonly id: string };
  readonly target: Target;
  readonly head: RequestHead;
  /** Milliseconds of `performance.now()`. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Status of the reply, 0 before its head. */
  readonly status: number;
  readonly fault: Fault | null;
}
