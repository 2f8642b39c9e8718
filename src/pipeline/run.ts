import { performance } from 'node:perf_hooks';
import { fault, type Fault } from '../contracts/fault.ts';
import type { Headers, Reply } from '../contracts/http.ts';
import type { Step } from '../contracts/policy.ts';
import type { Wanted } from '../contracts/runtime.ts';
import type { Source } from '../contracts/transport.ts';
import type { Exchange } from './exchange.ts';
import { forward } from './forward.ts';
import { answer, fail, finish, flight, report } from './reply.ts';

/** What a route is looked for by: one object for every lookup, because `find` is synchronous. */
class Asked implements Wanted {
  method = '';
  host = '';
  path = '';
  query = '';
  #x: Exchange | null = null;

  of(x: Exchange): this {
    this.method = x.matchMethod;
    this.host = x.host;
    this.path = x.path;
    this.query = x.query;
    this.#x = x;
    return this;
  }

  /** Asked for by few routes; to make the list costs something. */
  get headers(): Headers {
    return this.#x!.headers;
  }
}
const asked = new Asked();

/**
 * The walk of a request: route, request hooks in order, then the answer. Runs on synchronously; only a hook
 * that returns a promise makes it wait. This file alone may wait, catch, or see an abort.
 *
 * @param refused What the intake found wrong, if anything.
 * @param body The request body, or null when there is none.
 */
export function begin(x: Exchange, body: Source | null, refused: Fault | null): void {
  x.runtime.enter();
  x.body = body;
  if (++flight.active > x.runtime.config.limits.inFlight) refused ??= fault('overload');
  try {
    if (refused === null) {
      x.route = x.runtime.find(asked.of(x), x);
      if (x.bodyLength > x.route.bodyBytes) refused = fault('body_too_large');
    }
    if (refused === null) walk(x, 0);
    else fail(x, refused);
  } catch (error) {
    crash(x, error);
  }
}

/** The connection is gone, or the client sent something that ends the exchange. */
export function clientGone(x: Exchange): void {
  if (x.finished) return;
  x.aborted = true;
  x.fault ??= fault('client_left');
  finish(x);
}

/** The request body broke a rule (too large, stalled) while the exchange runs. */
export function bodyFault(x: Exchange, cause: Fault): void {
  if (x.finished) return;
  x.poisoned = true;
  x.attempt?.stop();
  fail(x, cause);
}

/** The client takes more bytes again. */
export function drained(x: Exchange): void {
  x.attempt?.resume();
}

function walk(x: Exchange, from: number): void {
  const hooks = x.route.request;
  for (let i = from; i < hooks.length; i++) {
    x.depth = i + 1;
    const step = hooks[i]!(x);
    if (step === undefined) continue;
    if (step instanceof Promise) wait(x, step, i + 1);
    else answer(x, step);
    return;
  }
  conclude(x);
}

/** Every request hook let it pass: the route itself answers. */
function conclude(x: Exchange): void {
  const { route } = x;
  if (route.upstream !== null) forward(x, route.upstream);
  else if (!x.isText()) fail(x, fault('bad_request', NOT_TEXT));
  else if (route.respond !== null) answer(x, route.respond);
  else fail(x, fault(route.refuse ?? 'internal'));
}

const NOT_TEXT = 'a header value is not text';

function wait(x: Exchange, step: Promise<undefined | Reply>, next: number): void {
  step.then(
    (reply) => {
      if (x.finished) return;
      x.walkedAt = performance.now();
      resumeWalk(x, reply, next);
    },
    (error: unknown) => crash(x, error),
  );
}

function resumeWalk(x: Exchange, step: Awaited<Step>, next: number): void {
  try {
    if (step === undefined) walk(x, next);
    else answer(x, step);
  } catch (error) {
    crash(x, error);
  }
}

function crash(x: Exchange, error: unknown): void {
  report.error(error, x);
  fail(x, fault('internal'));
}
