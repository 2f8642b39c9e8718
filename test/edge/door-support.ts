import type { Facts } from '../../src/contracts/facts.ts';
import type { LimitStore } from '../../src/contracts/stores.ts';
import { Door } from '../../src/edge/door.ts';
import { inertServices } from '../../src/lib/inert.ts';

/** Knows nothing and tells nobody. */
export const noFacts: Facts = { tell: () => undefined, get: () => undefined, on: () => () => undefined };

/** A door that turns nobody away, until it is told to. */
export const openDoor = (limits: LimitStore = inertServices.limits): Door =>
  new Door({ limits, facts: noFacts, warn: () => undefined });
