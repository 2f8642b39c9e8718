import type { AttemptRules, Budget as BudgetContract, RetryRules, Rung } from '../contracts/attempts.ts';
import type { GatewayConfig, UpstreamConfig } from '../contracts/config.ts';
import type { Facts } from '../contracts/facts.ts';
import type { Keep, Upstream } from '../contracts/runtime.ts';
import type { SharedWords } from '../contracts/stores.ts';
import type { Timeouts } from '../contracts/transport.ts';
import { FAMILIES } from '../observe/families.ts';
import type { Meter } from '../observe/metrics.ts';
import { BreakerSet } from '../upstream/breaker-set.ts';
import { Budget } from '../upstream/budget.ts';
import { AdaptiveLimit } from '../upstream/concurrency.ts';
import { Guard } from '../upstream/guard.ts';
import { Hedge } from '../upstream/hedge.ts';
import { compileReply } from './fixed-reply.ts';

/** What the rules about failures are wired to. */
export interface RuleParts {
  readonly keep: Keep;
  /** Where breakers keep what workers share. */
  readonly words: SharedWords;
  readonly facts: Pick<Facts, 'get' | 'on'>;
  readonly meter: Meter;
}

/** Retries a second that an upstream may have whatever its traffic. */
const RETRY_FLOOR = 10;
const RULES = 'rules';

/** What an upstream learns while it serves: it outlives a reload that changes nothing about it. */
interface Learnt {
  readonly budget: BudgetContract;
  readonly hedge: Hedge | null;
  readonly guard: Guard | null;
  close(): void;
}

/** The rules of every upstream that has some; what they claim is told to `claimed`, as identities of that kind. */
export function makeRules(
  config: GatewayConfig,
  upstreams: ReadonlyMap<string, Upstream>,
  parts: RuleParts,
  claim: (kind: string, identity: string) => void,
): ReadonlyMap<string, AttemptRules> {
  const byId = new Map(config.upstreams.map((each) => [each.id, each]));
  const own = new Map<string, AttemptRules>();
  for (const upstream of config.upstreams) {
    const { retry, breaker, hedge, concurrency, fallback } = upstream;
    if ([retry, breaker, hedge, concurrency, fallback].every((each) => each === undefined)) continue;
    const learnt = learn(upstream, parts, claim);
    const rungs = ladder(upstream, byId).map((step) => rungOf(step, upstreams, parts));
    own.set(upstream.id, {
      retry: retryRules(retry, learnt.budget),
      hedge: learnt.hedge,
      guard: learnt.guard,
      fallback: rungs,
    });
  }
  return own;
}

function learn(upstream: UpstreamConfig, parts: RuleParts, claim: (kind: string, identity: string) => void): Learnt {
  const { id, retry, breaker, hedge, concurrency, timeouts } = upstream;
  const identity = JSON.stringify([id, retry?.budget, breaker, hedge, concurrency, timeouts.request]);
  claim(RULES, identity);
  return parts.keep.use(RULES, identity, (): Learnt => {
    const breakers = breaker === undefined ? null : makeBreakers(upstream, breaker, parts);
    const limit = concurrency === undefined ? null : new AdaptiveLimit(concurrency);
    return {
      budget: new Budget(retry?.budget ?? 0, RETRY_FLOOR),
      hedge: hedge === undefined ? null : new Hedge(hedge.after, hedge.max),
      guard: breakers === null && limit === null ? null : new Guard(breakers, limit),
      close: () => breakers?.close(),
    };
  });
}

function makeBreakers(
  { id, timeouts }: UpstreamConfig,
  rules: NonNullable<UpstreamConfig['breaker']>,
  { words, facts, meter }: RuleParts,
): BreakerSet {
  const probeMs = (timeouts.request > 0 ? timeouts.request : 60_000) + 1_000;
  const show = (target: string, state: () => number) =>
    meter.readGauge(FAMILIES.breakerState, state, id, target);
  return new BreakerSet(id, { ...rules, slow: rules.slow ?? null, probeMs }, { words, facts, show });
}

const DEFAULTS = { attempts: 1, backoff: 0, bufferBytes: 65_536 };
const ON: readonly (string | number)[] = ['connect', 'reset', 502, 503, 504];
const METHODS = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'];

/** Without `retry` there is one try; what counts as a failure for the fallback is as if it were there. */
function retryRules(retry: UpstreamConfig['retry'], budget: BudgetContract): RetryRules {
  const { attempts, backoff, bufferBytes } = retry ?? DEFAULTS;
  const on: readonly (string | number)[] = retry?.on ?? ON;
  return {
    attempts,
    connect: on.includes('connect'),
    reset: on.includes('reset'),
    timeout: on.includes('timeout'),
    statuses: new Set(on.filter((each) => typeof each === 'number')),
    methods: new Set(retry?.methods ?? METHODS),
    bufferBytes,
    backoff,
    budget,
  };
}

type Step = NonNullable<UpstreamConfig['fallback']>[number];

/**
 * The ladder with the ladders of its upstreams in their places, up to the first reply. Cycles were refused when the
 * configuration was checked.
 */
function ladder(upstream: UpstreamConfig, byId: ReadonlyMap<string, UpstreamConfig>): Step[] {
  const steps: Step[] = [];
  for (const step of upstream.fallback ?? []) {
    if ('stale' in step) continue;
    steps.push(step);
    if ('upstream' in step) steps.push(...ladder(byId.get(step.upstream)!, byId));
    if (steps.some((each) => 'respond' in each)) break;
  }
  return steps;
}
