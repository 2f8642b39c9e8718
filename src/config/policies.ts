import { ZodError } from 'zod';
import type { Slot } from '../contracts/exchange.ts';
import type { Site } from '../contracts/policy.ts';
import { inertServices, noConsumers } from '../lib/inert.ts';
import { sharedParams } from '../router/pattern.ts';
import type { Block } from './blocks.ts';
import { check } from './issues.ts';
import type { Path, Report } from './mistakes.ts';
import { isMap, mapOf, textsOf, type Raw } from './raw.ts';
import { remedy } from './suggest.ts';

/** Policies that the contract names and this version does not have: using one is an error, never a silent no-op. */
const PLANNED: ReadonlySet<string> = new Set(['waf', 'cache', 'mirror']);

/** Where a `policies` map stands: at the root, or in a route. */
export interface Place {
  readonly path: Path;
  /** What policies are compiled for, to see whether they fit. */
  readonly site: Site;
}

/**
 * Checks the `policies` map of the root or of a route: each entry by the schema of its policy, then by
 * compiling it for its place. Gives the options with their defaults; `false` (switched off) stays as it is.
 */
export function checkPolicies(
  policies: unknown,
  { path, site }: Place,
  table: readonly Block[],
  report: Report,
): Record<string, unknown> {
  const parsed: Record<string, unknown> = {};
  if (!isMap(policies)) return parsed;
  for (const [name, options] of Object.entries(policies)) {
    const policy = table.find((each) => each.name === name);
    const at = [...path, name];
    if (policy === undefined) report(at, unknownPolicy(name, table), 'key');
    else if (options === false) parsed[name] = false;
    else if (options === null) report(at, 'is empty: write {} for its defaults, or false to switch it off');
    else {
      const checked = check(policy.schema, options, at, report);
      if (checked === null) continue;
      parsed[name] = checked.value;
      // A policy may act at several places of the order: then it is in the table as often.
      for (const each of table)
        if (each.name === name) checkFit(each, checked.value, { path: at, site }, report);
    }
  }
  return parsed;
}

/** What only shows when a policy is compiled: a template that names a parameter the route does not have. */
function checkFit(policy: Block, options: unknown, { path, site }: Place, report: Report): void {
  try {
    policy.compile(options, site);
  } catch (error) {
    if (!(error instanceof ZodError)) report(path, error instanceof Error ? error.message : String(error));
    else for (const issue of error.issues) report([...path, ...(issue.path as Path)], issue.message);
  }
}

/** The root's policies serve answers without a route too: they can count on nothing that a route has. */
export const ROOT: Place = { path: ['policies'], site: siteOf('-', null, new Map()) };

/** The place of a route as written; what cannot be read of it is left out. */
export function routePlace(route: Raw, index: number): Place {
  const patterns = textsOf(mapOf(route.match).paths).map(([, text]) => text);
  const upstream = typeof route.upstream === 'string' ? route.upstream : null;
  return {
    path: ['routes', index, 'policies'],
    site: siteOf(String(route.id), upstream, sharedParams(patterns)),
  };
}

function siteOf(id: string, upstreamId: string | null, params: Site['params']): Site {
  let slots = 0;
  return {
    route: { id, upstreamId },
    params,
    scope: id === '-' ? 'global' : id,
    rateLimitHeaders: 'standard',
    slot: <T>(): Slot<T> => ({ index: slots++ }),
    authenticators: () => [],
    consumers: noConsumers,
    services: inertServices,
  };
}

function unknownPolicy(name: string, table: readonly Block[]): string {
  if (PLANNED.has(name)) return `${name} is not in this version of Sluice yet: remove this block`;
  const known = table.map((each) => each.name);
  return `unknown policy "${name}": ${remedy(name, known, 'remove it')}`;
}
