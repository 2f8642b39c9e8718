import { makeDirectory } from '../auth/directory.ts';
import type { Consumers } from '../contracts/auth.ts';
import type { GatewayConfig, RouteConfig, UpstreamConfig } from '../contracts/config.ts';
import type { RouteInfo, Slot } from '../contracts/exchange.ts';
import type { FaultCode } from '../contracts/fault.ts';
import type { Hooks, Services, Site } from '../contracts/policy.ts';
import type { Match, Route, Runtime, Snapshot, Upstream, Wanted } from '../contracts/runtime.ts';
import type { Timeouts } from '../contracts/transport.ts';
import { CLASSES } from '../contracts/resilience.ts';
import { CidrSet } from '../lib/cidr.ts';
import { NameSet } from '../lib/name-set.ts';
import { POLICIES } from '../policies/index.ts';
import { buildTable } from '../router/build.ts';
import { allowed, find } from '../router/find.ts';
import { sharedParams } from '../router/pattern.ts';
import { authOptions, bindAuthenticators, isOn, sentFields } from './authentication.ts';
import { compileReply } from './fixed-reply.ts';
import type { Observer } from './observer.ts';
import { httpsRedirect } from './redirect.ts';
import type { Upstreams } from './upstreams.ts';

/** What a compiled configuration is wired to. */
export interface Parts {
  readonly upstreams: Upstreams;
  readonly observer: Observer;
  readonly services: Services;
}

/** The same for every route of one configuration. */
interface Wiring extends Parts {
  readonly consumers: Consumers;
}

const NO_TIMEOUTS: Timeouts = { connect: 0, firstByte: 0, request: 0, idle: 0 };

/** Identity fields that the gateway itself sends. */
const IDENTITY_FIELDS = ['x-consumer-id', 'x-user-id'];

/**
 * Turns a configuration into machinery: tables, hook arrays, claimed pools. Nothing is left to decide per
 * request. Throws when the configuration cannot be served; then nothing stays claimed.
 */
export function compile(snapshot: Snapshot, parts: Parts): Runtime {
  const { config } = snapshot;
  const { upstreams, release } = parts.upstreams.claim(config);
  try {
    const wiring = { ...parts, consumers: makeDirectory(config.consumers) };
    return assemble(snapshot, wiring, upstreams, release);
  } catch (error) {
    release();
    throw error;
  }
}

function assemble(
  { generation, config }: Snapshot,
  wiring: Wiring,
  upstreams: ReadonlyMap<string, Upstream>,
  release: () => void,
): Runtime {
  const timeouts = new Map(config.upstreams.map((upstream) => [upstream.id, upstream.timeouts]));
  const routes = config.routes.map((route) => {
    const upstream = route.upstream === undefined ? null : upstreams.get(route.upstream)!;
    const base = upstream === null ? null : timeouts.get(upstream.id)!;
    return compileRoute(route, config, upstream, base, wiring);
  });
  const table = buildTable(
    config.routes.map(({ match, priority }, i) => ({ ...match, priority, value: routes[i]! })),
  );
  const notFound = ownRoute('not_found', config, wiring);
  const notAllowed = ownRoute('method_not_allowed', config, wiring);
  const trusted = new CidrSet(config.trustedProxies);
  const trusts = config.trustedProxies.length === 0 ? () => false : (ip: string) => trusted.has(ip);
  let active = 0;
  let retired = false;
  return {
    generation,
    config,
    notFound,
    notAllowed,
    refused: notFound,
    identityHeaders: new NameSet([...IDENTITY_FIELDS, ...sentFields(config)]),
    trusts,
    find(wanted: Wanted, match: Match): Route {
      const route = find(table, wanted, match);
      if (route !== null) return route;
      match.allow = allowed(table, wanted);
      return match.allow === '' ? notFound : notAllowed;
    },
    enter() {
      active++;
    },
    leave() {
      if (--active === 0 && retired) release();
    },
    retire() {
      retired = true;
      if (active === 0) release();
    },
  };
}

function compileRoute(
  route: RouteConfig,
  config: GatewayConfig,
  upstream: Upstream | null,
  base: UpstreamConfig['timeouts'] | null,
  wiring: Wiring,
): Route {
  const info: RouteInfo = { id: route.id, upstreamId: upstream?.id ?? null };
  const first = route.redirect === undefined ? [] : [httpsRedirect(config)];
  return {
    ...info,
    ...compilePolicies(info, config, route.policies, sharedParams(route.match.paths), wiring, first),
    respond: route.respond === undefined ? null : compileReply(route.respond),
    refuse: null,
    upstream,
    rank: CLASSES.indexOf(route.class),
    timeouts:
      base === null ? NO_TIMEOUTS : { ...base, firstByte: base.firstByte ?? 0, ...given(route.timeouts) },
    bodyBytes: route.bodyBytes ?? config.limits.bodyBytes,
  };
}

/** A route for answers without a route: the global policies, the log and the metrics see it. */
function ownRoute(refuse: FaultCode, config: GatewayConfig, wiring: Wiring): Route {
  const info: RouteInfo = { id: '-', upstreamId: null };
  return {
    ...info,
    ...compilePolicies(info, config, {}, new Map(), wiring),
    respond: null,
    refuse,
    upstream: null,
    timeouts: NO_TIMEOUTS,
    rank: 0,
    bodyBytes: config.limits.bodyBytes,
  };
}

type HookArrays = Pick<Route, 'request' | 'attempt' | 'settled' | 'response' | 'done' | 'slots'>;

/** The table's order is the running order, after hooks that go `first`; replies pass in reverse. */
function compilePolicies(
  route: RouteInfo,
  config: GatewayConfig,
  own: RouteConfig['policies'],
  params: ReadonlyMap<string, number>,
  { observer, services, consumers }: Wiring,
  first: Route['request'] = [],
): HookArrays {
  const options = { ...config.policies, ...own };
  const slots = new Slots();
  const site: Omit<Site, 'scope'> = {
    route,
    params,
    rateLimitHeaders: config.rateLimitHeaders,
    slot: (shared) => slots.take(shared),
    authenticators: () => bindAuthenticators(options, { route, consumers, services: services.auth }),
    consumers,
    services,
  };
  const request = [...first];
  const response: Route['response'][number][] = [];
  const all: Hooks[] = [];
  for (const policy of POLICIES) {
    const written = policy.name === 'auth' ? authOptions(options) : options[policy.name];
    if (!isOn(written)) continue;
    const scope = Object.hasOwn(own, policy.name) ? route.id : 'global';
    const hooks = policy.compile(written, { ...site, scope });
    if (hooks === null) continue;
    all.push(hooks);
    if (hooks.request) request.push((x) => hooks.request!(x));
    // A policy that has nothing to ask of requests has a say in every reply, early refusals included.
    const depth = hooks.request ? request.length : 0;
    if (hooks.response) response.unshift({ depth, run: (x) => hooks.response!(x) });
  }
  return {
    request,
    response,
    attempt: all.flatMap((hooks) => (hooks.attempt ? [hooks.attempt.bind(hooks)] : [])),
    settled: [
      ...all.flatMap((hooks) => (hooks.settled ? [hooks.settled.bind(hooks)] : [])),
      observer.settled(route),
    ],
    done: [...all.flatMap((hooks) => (hooks.done ? [hooks.done.bind(hooks)] : [])), observer.done(route)],
    slots: slots.count,
  };
}

/** Numbers the slots of one route. */
class Slots {
  count = 0;
  readonly #shared = new Map<string, Slot<never>>();

  take<T>(shared?: string): Slot<T> {
    const known = shared === undefined ? undefined : this.#shared.get(shared);
    if (known !== undefined) return known;
    const slot: Slot<never> = { index: this.count++ };
    if (shared !== undefined) this.#shared.set(shared, slot);
    return slot;
  }
}

/** Only the keys that were written: an absent override must not hide the upstream's value. */
function given(timeouts: RouteConfig['timeouts']): Partial<Timeouts> {
  return Object.fromEntries(Object.entries(timeouts).filter(([, value]) => value !== undefined));
}
