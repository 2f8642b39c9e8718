import { z } from 'zod';
import { rate } from '../../contracts/units.ts';
import { parseCidr } from '../../lib/cidr.ts';
import { isToken } from '../../lib/fields.ts';
import { fieldNameMistake } from '../../lib/field-names.ts';

const PARTS = ['ip', 'user', 'consumer', 'key', 'route', 'global'] as const;

const part = z.string().superRefine((text, context) => {
  const mistake = partMistake(text);
  if (mistake !== null) context.addIssue(mistake);
});

function partMistake(text: string): string | null {
  if ((PARTS as readonly string[]).includes(text)) return null;
  const [, kind, name = ''] = /^(header|cookie):(.*)$/.exec(text) ?? [];
  if (kind === undefined) return `by is one of ${PARTS.join(', ')}, header:NAME or cookie:NAME`;
  if (!isToken(name)) return `${JSON.stringify(name)} is not the name of a ${kind}`;
  const gone = kind === 'header' && fieldNameMistake(name, 'request') !== null;
  return gone ? `the gateway drops or replaces ${name} before policies run: it cannot be counted by` : null;
}

const count = z.int().min(1).max(1_000_000_000);
const block = z
  .string()
  .refine((text) => parseCidr(text) !== null, { error: () => 'this is not an IP address or CIDR' });

const override = z
  .strictObject({
    consumer: z.string().min(1).optional().describe('Id of the consumer that it is for.'),
    group: z.string().min(1).optional().describe('Group that it is for, of a consumer or of a token.'),
    rate: rate.in.optional().describe('Its own rate.'),
    burst: count.optional().describe('Its own capacity.'),
    max: count.optional().describe('Its own number of requests in flight.'),
  })
  .superRefine(({ consumer, group }, context) => {
    if ((consumer === undefined) === (group === undefined))
      context.addIssue('an override is for a consumer or for a group: name one of the two');
  });

const one = z.strictObject({
  by: z
    .union([part, z.array(part).min(1, 'name at least one part')])
    .default('ip')
    .describe(
      'Whose requests share a bucket: ip, user, consumer, key, route, global, header:NAME, cookie:NAME, or a list of these. What a request does not have is replaced by its ip.',
    ),
  rate: rate.in.optional().describe('How many in which time: 100/s, 1000/m, 5/h, 20/d.'),
  burst: count.optional().describe('Capacity of a token bucket; default: the amount in rate.'),
  algorithm: z
    .enum(['token-bucket', 'sliding-window', 'fixed-window', 'concurrency'])
    .default('token-bucket')
    .describe('How it is counted; concurrency counts requests in flight.'),
  max: count.optional().describe('How many requests in flight at once (algorithm: concurrency).'),
  precision: z
    .enum(['leased', 'exact'])
    .default('leased')
    .describe(
      'With a store that many nodes share: whether it is asked for every request (exact), or a node may take some tokens at a time.',
    ),
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._:+-]{0,63}$/,
      'a name is 1 to 64 letters, digits and . _ : + - characters',
    )
    .optional()
    .describe(
      'Identity of the buckets, also in headers, log and metrics; default: algorithm and by. Buckets live on as long as it stays.',
    ),
  cost: count.default(1).describe('How much one request takes.'),
  exempt: z.array(block).default([]).describe('Addresses and CIDRs of clients that are not counted.'),
  overrides: z
    .array(override)
    .default([])
    .describe(
      'Other amounts for a consumer or a group, in buckets of their own; the first that fits counts.',
    ),
  mode: z
    .enum(['enforce', 'shadow'])
    .default('enforce')
    .describe('shadow counts and logs, and refuses nobody.'),
  count: z
    .enum(['all', 'failures'])
    .default('all')
    .describe('failures: a request is given back unless its reply has one of the statuses.'),
  statuses: z
    .array(z.int().min(100).max(599))
    .min(1, 'name at least one status')
    .optional()
    .describe('What count: failures takes for a failure; default: 401 and 403.'),
  ipv6Prefix: z
    .int()
    .min(1)
    .max(128)
    .default(64)
    .describe('IPv6 addresses that share this many bits count as one client.'),
});

export type LimitOptions = z.output<typeof one>;
type Amounts = Pick<LimitOptions, 'rate' | 'burst' | 'max'>;

const limit = one.superRefine((options, context) => {
  const tell = (path: (string | number)[], message: string): void =>
    context.addIssue({ code: 'custom', path, message });
  checkKind(options, tell);
  checkAmounts(options, options, [], tell);
  for (const [i, each] of options.overrides.entries())
    checkAmounts({ ...options, ...amountsOf(options, each) }, each, ['overrides', i], tell);
});

type Tell = (path: (string | number)[], message: string) => void;

/** What belongs to one kind of limit and makes no sense for the others. */
function checkKind({ algorithm, rate, max, cost, count, statuses }: LimitOptions, tell: Tell): void {
  if (algorithm === 'concurrency') {
    if (max === undefined) tell(['max'], 'missing: add it (how many requests may be in flight)');
    if (cost !== 1) tell(['cost'], 'a request in flight counts as one: remove cost');
    if (count === 'failures') tell(['count'], 'requests in flight have no reply yet: remove count');
  } else if (rate === undefined) tell(['rate'], 'missing: add it (100/s)');
  if (statuses !== undefined && count !== 'failures')
    tell(['statuses'], 'statuses belong to count: failures: add that, or remove them');
}

/** @param written What stands at `path`; `limit` is what comes of it. */
function checkAmounts(limit: LimitOptions, written: Amounts, path: (string | number)[], tell: Tell): void {
  const { algorithm, cost } = limit;
  const concurrent = algorithm === 'concurrency';
  if (concurrent && written.rate !== undefined)
    tell([...path, 'rate'], 'concurrency has no rate: write max, or choose another algorithm');
  if (!concurrent && written.max !== undefined)
    tell([...path, 'max'], 'max belongs to algorithm: concurrency: write rate');
  if (algorithm !== 'token-bucket' && written.burst !== undefined)
    tell([...path, 'burst'], 'burst is the capacity of a token bucket: remove it');
  if (
    path.length > 0 &&
    written.rate === undefined &&
    written.burst === undefined &&
    written.max === undefined
  )
    tell(path, `this override changes nothing: add ${concurrent ? 'max' : 'rate'}`);
  if (!concurrent && limit.rate !== undefined && cost > capacityOf(limit))
    tell(path.length === 0 ? ['cost'] : path, 'a request costs more than the limit ever holds');
}

/** The amounts of a limit where an override stands in for them. */
export function amountsOf(base: Amounts, { rate, burst, max }: Amounts): Amounts {
  // A burst goes with the rate it was written for.
  return {
    rate: rate ?? base.rate,
    burst: burst ?? (rate === undefined ? base.burst : undefined),
    max: max ?? base.max,
  };
}

/** The most that can be taken at once. */
export function capacityOf(limit: Amounts): number {
  return limit.burst ?? limit.max ?? (limit.rate === undefined ? 0 : rate.parse(limit.rate).amount);
}

/** The parts that a limit counts by, names of fields in lower case. */
export function partsOf({ by }: LimitOptions): string[] {
  return [by].flat().map((each) => (each.startsWith('header:') ? each.toLowerCase() : each));
}

/** Name of a limit: given, or made of what it does. */
export function nameOf(options: LimitOptions): string {
  return options.name ?? `${options.algorithm}:${partsOf(options).join('+')}`;
}

const limits = z.array(limit).superRefine((list, context) => {
  const seen = new Set<string>();
  for (const [i, each] of list.entries()) {
    const name = nameOf(each);
    if (seen.has(name))
      context.addIssue({
        code: 'custom',
        path: [i, ...(each.name === undefined ? [] : ['name'])],
        message: `there is a limit "${name}" above: give one of them another name`,
      });
    seen.add(name);
  }
});

/** Options of the policy `limit`: one limit, or a list of them, which are asked in order. */
export const limitSchema = z.union([limit, limits.min(1, 'name at least one limit, or write false')]);
