import type { Exchange } from '../../contracts/exchange.ts';
import type { Target } from '../../contracts/transport.ts';
import type { Load } from '../load.ts';

/**
 * One way to choose among targets. Made anew whenever they or their weights change: what must outlive that is in
 * the `Load` of each target.
 */
export interface Balancer {
  /** The next target for `x`, other than those `tried` while there is another; null = none. */
  pick(x: Exchange, tried: readonly Target[] | null): Target | null;
}

/** A target as balancers see it; its weight is above 0. */
export interface Member extends Target {
  /** What it is known by on every node, whatever else changes. */
  readonly key: string;
  readonly load: Load;
}

/** Those of `members` that were not tried; all of them when none is left, or when nothing was tried. */
export function untried<T extends Target>(
  members: readonly T[],
  tried: readonly Target[] | null,
): readonly T[] {
  if (tried === null) return members;
  const left = members.filter((each) => !tried.includes(each));
  return left.length === 0 ? members : left;
}
