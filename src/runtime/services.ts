import type { AuthServices } from '../contracts/auth.ts';
import type { Count, Services } from '../contracts/policy.ts';
import type { LimitStore } from '../contracts/stores.ts';
import { FAMILIES } from '../observe/families.ts';
import type { Meter } from '../observe/metrics.ts';

/** What this process offers to policies. */
export function makeServices(meter: Meter, limits: LimitStore, auth: AuthServices): Services {
  return {
    limits,
    auth,
    counter(family, ...labels): Count {
      if (!(family in FAMILIES)) throw new Error(`there is no metric ${family}`);
      return meter.counter(FAMILIES[family as keyof typeof FAMILIES], ...labels);
    },
  };
}
