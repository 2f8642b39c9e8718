import type { Pass } from '../contracts/attempts.ts';
import type { Upstream } from '../contracts/runtime.ts';
import type { Target } from '../contracts/transport.ts';
import type { Exchange } from './exchange.ts';

/**
 * The target of the next attempt: one that was not tried and that its breaker lets in; where no such is left and
 * `again` is set, one that was tried. Else why there is none.
 */
export function choose(
  x: Exchange,
  upstream: Upstream,
  tried: readonly Target[],
  pass: Pass | null,
  again: boolean,
): Target | 'no_target' | 'breaker_open' {
  let seen = tried;
  for (;;) {
    const target = upstream.pick(x, seen.length === 0 ? null : seen);
    if (target === null) return 'no_target';
    if (!seen.includes(target)) {
      if (lets(pass, target)) return target;
      seen = [...seen, target];
      continue;
    }
    const barred = seen.length > tried.length;
    const second = again
      ? [target, ...tried].find((each) => tried.includes(each) && lets(pass, each))
      : undefined;
    return second ?? (barred || (again && tried.length > 0) ? 'breaker_open' : 'no_target');
  }
}

const lets = (pass: Pass | null, target: Target): boolean => pass === null || pass.to(target);
