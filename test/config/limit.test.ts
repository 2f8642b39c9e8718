import { describe } from 'vitest';
import { inRoute, run, UPSTREAMS } from './cases.ts';

const limit = (text: string) => inRoute(`policies: { limit: ${text} }`);
const AT = 'routes.0.policies.limit';

describe('limit', () => {
  run([
    ['one', limit('{ rate: 1/s }')],
    ['a list', limit('[{ rate: 1/s }, { by: [user, route], rate: 1/s }]')],
    ['an empty list', limit('[]'), [`7:24 ${AT}`, 'name at least one']],
    ['a rate without a unit', limit('{ rate: 100 }'), [`7:32 ${AT}.rate`, '100/s']],
    ['a unit that there is not', limit('{ rate: 100/y }'), [`7:32 ${AT}.rate`, '100/s']],
    ['no rate', limit('{ by: ip }'), [`7:24 ${AT}.rate`, 'missing']],
    ['an unknown part', limit('{ by: adress, rate: 1/s }'), [`7:30 ${AT}.by`, 'header:NAME']],
    ['a header that never gets here', limit('{ by: "header:Host", rate: 1/s }'), [`7:30 ${AT}.by`, 'Host']],
    ['no header name', limit('{ by: "header:", rate: 1/s }'), [`7:30 ${AT}.by`, 'not the name']],
    ['an unknown key', limit('{ rate: 1/s, brust: 2 }'), [`7:37 ${AT}.brust`, 'did you mean "burst"?']],
    ['concurrency without max', limit('{ algorithm: concurrency }'), [`7:24 ${AT}.max`, 'missing']],
    [
      'concurrency with a rate',
      limit('{ algorithm: concurrency, max: 1, rate: 1/s }'),
      [`7:64 ${AT}.rate`, 'write max'],
    ],
    ['max of a rate', limit('{ rate: 1/s, max: 3 }'), [`7:42 ${AT}.max`, 'concurrency']],
    [
      'burst of a window',
      limit('{ rate: 1/s, burst: 3, algorithm: fixed-window }'),
      [`7:44 ${AT}.burst`, 'token bucket'],
    ],
    ['too high a cost', limit('{ rate: 1/s, cost: 2 }'), [`7:43 ${AT}.cost`, 'costs more']],
    ['statuses for all', limit('{ rate: 1/s, statuses: [404] }'), [`7:47 ${AT}.statuses`, 'count: failures']],
    [
      'an override for nobody',
      limit('{ rate: 1/s, overrides: [{ rate: 2/s }] }'),
      [`7:49 ${AT}.overrides.0`, 'consumer or for a group'],
    ],
    [
      'an override of nothing',
      limit('{ rate: 1/s, overrides: [{ group: gold }] }'),
      [`7:49 ${AT}.overrides.0`, 'changes nothing'],
    ],
    ['no address', limit('{ rate: 1/s, exempt: [lan] }'), [`7:46 ${AT}.exempt.0`, 'CIDR']],
    [
      'the same limit twice',
      limit('[{ rate: 1/s }, { rate: 9/m }]'),
      [`7:40 ${AT}.1`, '"token-bucket:ip"', 'another name'],
    ],
    [
      'one name before and after auth',
      limit('[{ rate: 1/s, name: x }, { by: user, rate: 9/m, name: x }]'),
      [`7:78 ${AT}.1.name`, 'another name'],
    ],
    [
      'a route that is called global',
      `${UPSTREAMS}routes: [{ id: global, match: { paths: [/a] }, upstream: users }]\n`,
      ['3:16 routes.0.id', 'another id'],
    ],
    [
      'headers that there are not',
      `${UPSTREAMS}rateLimitHeaders: legcy\n`,
      ['3:19 rateLimitHeaders', 'did you mean "legacy"?'],
    ],
  ]);
});
