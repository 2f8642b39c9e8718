import type { BalanceRule } from '../../contracts/balance.ts';
import type { Balancer, Member } from './balancer.ts';
import type { KeyOf } from './hash.ts';
import { LeastRequest } from './least-request.ts';
import { Maglev } from './maglev.ts';
import { busyness, expectedWait, Random, TwoChoices } from './random.ts';
import { RoundRobin } from './round-robin.ts';

/** The balancer of a rule over these members. `keyOf` counts for hashing only. */
export function makeBalancer(rule: BalanceRule, members: readonly Member[], keyOf: KeyOf): Balancer {
  if (typeof rule === 'object') return new Maglev(members, keyOf);
  switch (rule) {
    case 'round-robin':
      return new RoundRobin(members);
    case 'least-request':
      return new LeastRequest(members);
    case 'p2c':
      return new TwoChoices(members, busyness);
    case 'ewma':
      return new TwoChoices(members, expectedWait);
    case 'random':
      return new Random(members);
  }
}
