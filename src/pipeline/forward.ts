import { fault, type Fault } from '../contracts/fault.ts';
import type { Upstream } from '../contracts/runtime.ts';
import { type Attempt, openAttempt, type Owner } from './attempt.ts';
import type { Exchange } from './exchange.ts';
import { isStale } from './repeatable.ts';
import { fail } from './reply.ts';
import { Tries } from './tries.ts';

/** Sends the exchange to its upstream. */
export function forward(x: Exchange, upstream: Upstream): void {
  if (upstream.rules !== null) {
    x.tries = new Tries(x, upstream, upstream.rules);
    return x.tries.begin();
  }
  const target = upstream.pick(x, null);
  if (target === null) return fail(x, fault('no_target'));
  openAttempt(x, upstream, target, x.route.timeouts, simple, null);
}

/** Decides where the upstream has no rules about failures: what comes first is what the client gets. */
const simple: Owner = {
  replied: () => true,
  dropped: () => undefined,
  failed(attempt: Attempt, cause: Fault, unsent: boolean): void {
    const x = attempt.exchange;
    if (x.finished) return;
    if (attempt.number === 1 && !attempt.bodyStarted && isStale(attempt, unsent))
      openAttempt(x, attempt.upstream, attempt.target, x.route.timeouts, simple, null);
    else fail(x, cause);
  },
};
