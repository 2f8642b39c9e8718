import type { z } from 'zod';
import type { Exchange, Slot } from '../contracts/exchange.ts';
import type { Identity, Reply } from '../contracts/http.ts';
import type { Hooks, Policy, Site, Step } from '../contracts/policy.ts';
import type { LimitRule } from '../contracts/stores.ts';
import { rate } from '../contracts/units.ts';
import { CidrSet } from '../lib/cidr.ts';
import { problemReply } from '../lib/problem.ts';
import { beginningText, policyText, tellerOf } from './shared/limit-fields.ts';
import { keyReader } from './shared/limit-key.ts';
import { Ledger, type Take, type Tariff } from './shared/limit-ledger.ts';
import {
  amountsOf,
  capacityOf,
  limitSchema,
  nameOf,
  partsOf,
  type LimitOptions,
} from './shared/limit-options.ts';

type Options = z.output<typeof limitSchema>;

/** Limits that need to know nobody: they run before authentication, and so shield it. */
export const limitAnyone: Policy<Options> = policy((options) => !needsIdentity(options));

/** Limits that count or differ by who is calling: they run after authentication and access. */
export const limitCallers: Policy<Options> = policy(needsIdentity);

function policy(mine: (options: LimitOptions) => boolean): Policy<Options> {
  return {
    name: 'limit',
    schema: limitSchema,
    compile: (options, site) => compile([options].flat().filter(mine), site),
  };
}

function needsIdentity(options: LimitOptions): boolean {
  return (
    options.overrides.length > 0 ||
    partsOf(options).some((part) => part === 'user' || part === 'consumer' || part === 'key')
  );
}

/** One limit, ready to be asked. */
interface Limit {
  readonly exempt: CidrSet | null;
  readonly key: (x: Exchange) => string;
  readonly tariff: Tariff;
  readonly overrides: readonly {
    readonly consumer: string | null;
    readonly group: string | null;
    readonly tariff: Tariff;
  }[];
}

function compile(list: readonly LimitOptions[], site: Site): Hooks | null {
  if (list.length === 0) return null;
  const limits = list.map((options) => compileLimit(options, site));
  const slot = site.slot<Ledger>('limit');
  const tell = tellerOf(site.rateLimitHeaders);
  const judges = list.some(({ count }) => count === 'failures');
  const holds = judges || list.some(({ algorithm }) => algorithm === 'concurrency');
  const hooks: Hooks = { request: (x) => ask(x, limits, slot) };
  if (tell !== null || judges)
    hooks.response = (x): undefined => {
      const ledger = x.get(slot);
      if (ledger === undefined || x.reply === null) return;
      ledger.judge(x.reply.status);
      if (tell === null || ledger.told) return;
      ledger.told = true;
      tell(x.reply, ledger);
    };
  if (holds) hooks.done = (x) => x.get(slot)?.end();
  return hooks;
}

function compileLimit(options: LimitOptions, site: Site): Limit {
  const { exempt, overrides, ipv6Prefix } = options;
  return {
    exempt: exempt.length === 0 ? null : new CidrSet(exempt),
    key: keyReader(partsOf(options), ipv6Prefix, site.route.id),
    tariff: tariffOf(options, '', site),
    overrides: overrides.map((each) => {
      const { consumer = null, group = null } = each;
      const suffix = consumer === null ? `/group:${group}` : `/consumer:${consumer}`;
      return { consumer, group, tariff: tariffOf({ ...options, ...amountsOf(options, each) }, suffix, site) };
    }),
  };
}

/** @param suffix Tells the buckets of an override from those of the limit itself. */
function tariffOf(options: LimitOptions, suffix: string, { route, scope, services }: Site): Tariff {
  const { algorithm, mode, count, cost, statuses = [401, 403] } = options;
  const name = nameOf(options);
  const capacity = capacityOf(options);
  const { amount, periodMs } =
    options.rate === undefined ? { amount: capacity, periodMs: 0 } : rate.parse(options.rate);
  const exact = options.precision === 'exact';
  const rule: LimitRule = {
    id: `${scope}/${name}${suffix}`,
    algorithm,
    amount,
    periodMs,
    burst: capacity,
    exact,
  };
  const concurrent = algorithm === 'concurrency';
  const shadow = mode === 'shadow';
  const quoted = `"${name}"`;
  const policy = policyText(quoted, capacity, concurrent ? null : (periodMs * capacity) / amount);
  const decision = (text: string) => services.counter('limitDecisions', route.id, name, text);
  return {
    bucket: services.limits.bucket(rule),
    name,
    shadow,
    cost,
    concurrent,
    failures: count === 'failures' ? new Set(statuses) : null,
    capacity,
    policy,
    beginning: beginningText(policy, quoted),
    quoted,
    allowed: decision('allowed'),
    refused: decision(shadow ? 'shadow' : 'refused'),
  };
}

/**
 * Asks every limit, also after a refusal: the client is told the longest wait, so that it does not come back to meet the
 * next one.
 */
function ask(x: Exchange, limits: readonly Limit[], slot: Slot<Ledger>): Step {
  let ledger = x.get(slot);
  let waiting: Promise<void>[] | null = null;
  for (let i = 0; i < limits.length; i++) {
    const limit = limits[i]!;
    if (limit.exempt !== null && limit.exempt.has(x.ip)) continue;
    if (ledger === undefined) x.set(slot, (ledger = new Ledger()));
    const late = ledger.ask(chosen(limit, x.identity), limit.key(x), x.walkedAt);
    if (late !== null) (waiting ??= []).push(late);
  }
  if (ledger === undefined) return undefined;
  const asked = ledger;
  if (waiting === null) return conclude(x, asked);
  return Promise.all(waiting).then(() => conclude(x, asked));
}

function chosen({ tariff, overrides }: Limit, identity: Identity | null): Tariff {
  if (identity === null) return tariff;
  for (let i = 0; i < overrides.length; i++) {
    const { consumer, group, tariff: other } = overrides[i]!;
    if (consumer === null ? identity.groups.includes(group!) : identity.consumer === consumer) return other;
  }
  return tariff;
}

function conclude(x: Exchange, ledger: Ledger): Reply | undefined {
  let refusing: Take | null = null;
  let shadow: Take | null = null;
  let wait = 0;
  for (let take = ledger.last; take !== null; take = take.before) {
    if (!(take.verdict < 0)) continue;
    if (take.tariff.shadow) shadow = take;
    else {
      refusing = take;
      wait = Math.max(wait, -take.verdict);
    }
  }
  const spent = refusing ?? shadow;
  if (spent !== null) x.note('limit', spent.tariff.name);
  if (refusing === null) return undefined;
  ledger.refund();
  return refusal(x, ledger, Math.ceil(wait / 1000));
}

/** The problem type that the RateLimit draft registers, with the names of all limits that are spent. */
function refusal(x: Exchange, ledger: Ledger, seconds: number): Reply {
  const names: string[] = [];
  for (let take = ledger.last; take !== null; take = take.before)
    if (take.verdict < 0 && !take.tariff.shadow) names.unshift(take.tariff.name);
  return problemReply('rate_limited', `Try again in ${seconds} s.`, x.id, ['retry-after', String(seconds)], {
    'violated-policies': names,
  });
}
