import type { RetryRules } from '../contracts/attempts.ts';
import type { FaultCode } from '../contracts/fault.ts';
import type { Attempt } from './attempt.ts';
import type { Exchange } from './exchange.ts';

/** Methods that may be repeated without being asked (RFC 9110 section 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE']);
/** Methods that change nothing (RFC 9110 section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * A pooled connection may have been closed by the upstream while our request was on its way. That says nothing about
 * the request: it is repeated once at the same target, where repeating is safe, whatever the rules say.
 */
export const isStale = (attempt: Attempt, unsent: boolean): boolean =>
  unsent && attempt.reused && !attempt.exchange.started && IDEMPOTENT.has(attempt.exchange.method);

/** Whether the method allows an upstream to see the request twice: by the rules, or because the client says so. */
export const mayRepeat = (x: Exchange, { methods }: RetryRules): boolean =>
  methods.has(x.method) || x.header('idempotency-key') !== undefined;

/** Whether two of the same at once do no harm. */
export const mayDouble = (x: Exchange): boolean => x.body === null && SAFE.has(x.method);

/** Whether a failure before the reply head is one that the rules list. */
export function isListed(code: FaultCode, { connect, reset, timeout }: RetryRules): boolean {
  switch (code) {
    case 'connect_refused':
    case 'dns':
    case 'tls':
      return connect;
    case 'connect_timeout':
      return connect || timeout;
    case 'reset':
    case 'bad_reply':
    case 'reply_cut':
      return reset;
    case 'reply_timeout':
    case 'idle_timeout':
      return timeout;
    default:
      return false;
  }
}
