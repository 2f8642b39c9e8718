import { fault, type Fault } from '../contracts/fault.ts';
import type { RequestHead } from '../contracts/http.ts';
import type { Target } from '../contracts/transport.ts';
import type { Upstream } from '../contracts/runtime.ts';
import { newSpanId } from '../lib/ids.ts';
import { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { fail } from './reply.ts';

/** Methods that may be repeated without being asked (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);

/** Sends the exchange to its upstream. */
export function forward(x: Exchange, upstream: Upstream): void {
  const target = upstream.pick(x, null);
  if (target === null) return fail(x, fault('no_target'));
  attempt(x, upstream, target);
}

function attempt(x: Exchange, upstream: Upstream, target: Target): void {
  const number = ++x.attempts;
  const head = requestHead(x, upstream, target);
  const next = new Attempt(x, number, upstream, target, head, onFailure);
  x.attempt = next;
  x.target = target.id;
  const hooks = x.route.attempt;
  for (let i = 0; i < hooks.length; i++) hooks[i]!(next);
  const own = upstream.attempt;
  for (let i = 0; i < own.length; i++) own[i]!(next);
  const { timeouts } = x.route;
  if (number === 1 && timeouts.request > 0) x.replyBy = next.startedAt + timeouts.request;
  target.transport.open(head, timeouts, x.replyBy, next);
}

/**
 * A pooled connection may have been closed by the upstream while our request was on its way. That says
 * nothing about the request: it is repeated once, where repeating is safe.
 */
function onFailure(failed: Attempt, cause: Fault, unsent: boolean): void {
  const x = failed.exchange;
  if (x.finished) return;
  const stale = unsent && failed.reused && failed.number === 1;
  if (stale && !x.started && !failed.bodyStarted && IDEMPOTENT.has(x.method)) {
    attempt(x, failed.upstream, failed.target);
    return;
  }
  fail(x, cause);
}

function requestHead(x: Exchange, upstream: Upstream, target: Target): RequestHead {
  const { host } = upstream;
  return {
    method: x.method,
    target: x.query === '' ? x.path : x.path + '?' + x.query,
    host: host === 'client' ? x.authority : host === 'target' ? target.authority : host.name,
    headers: x.headers,
    added: addedFields(x),
    length: x.bodyLength,
    explicitZero: x.hasLength && x.bodyLength === 0,
  };
}

/** The fields that the gateway writes itself; whatever the client said in their place is gone since the intake. */
function addedFields(x: Exchange): string {
  // A valid traceparent goes on as it came: the gateway records no span that could stand between.
  const traceparent = x.traceparent === '' ? '00-' + x.traceId + '-' + newSpanId() + '-01' : x.traceparent;
  const added =
    'x-forwarded-for: ' +
    x.forwardedFor +
    '\r\nx-forwarded-proto: ' +
    x.forwardedProto +
    '\r\nx-forwarded-host: ' +
    x.forwardedHost +
    '\r\nx-request-id: ' +
    x.id +
    '\r\ntraceparent: ' +
    traceparent +
    '\r\nvia: 1.1 sluice\r\n';
  return x.identity === null ? added : added + x.identity.fields;
}
