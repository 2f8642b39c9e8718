import type { GatewayConfig, RouteConfig } from '../contracts/config.ts';
import type { Wanted } from '../contracts/runtime.ts';
import { getField } from '../lib/fields.ts';
import { parseHost } from '../lib/host.ts';
import { KNOWN_METHODS } from '../lib/methods.ts';
import { matchMethod } from '../lib/preflight.ts';
import { normalisePath, validQuery } from '../lib/path.ts';
import { buildTable } from '../router/build.ts';
import { allowed, find } from '../router/find.ts';
import { paramNames } from '../router/pattern.ts';
import { BLOCKS } from './blocks.ts';

/** A request to explain. */
export interface Asked {
  readonly method: string;
  /** `http://host/path?query`, or `/path?query` with the host in `headers` (or else `localhost`). */
  readonly url: string;
  /** Flat list, names in lower case. */
  readonly headers: string[];
}

/** What the gateway would do with a request, before any policy has its say. */
export type Explanation =
  | {
      readonly outcome: 'route';
      readonly route: RouteConfig;
      /** The pattern of the route that the path fits. */
      readonly pattern: string;
      /** Values of the pattern's parameters; a closing `*` has the name `*`. */
      readonly params: readonly (readonly [name: string, value: string])[];
      /** As the gateway sees it: normalised path, lower-case host. */
      readonly wanted: Wanted;
      readonly policies: readonly string[];
    }
  | { readonly outcome: 'refused'; readonly status: 400 | 404 | 501; readonly reason: string }
  | { readonly outcome: 'refused'; readonly status: 405; readonly reason: string; readonly allow: string };

/** Finds the route by the router's own code, on the configuration as loaded. */
export function explain(config: GatewayConfig, asked: Asked): Explanation {
  const wanted = readRequest(asked);
  if ('status' in wanted) return { outcome: 'refused', ...wanted };
  const table = buildTable(
    config.routes.flatMap((route) =>
      route.match.paths.map((pattern) => ({
        ...route.match,
        paths: [pattern],
        priority: route.priority,
        value: { route, pattern },
      })),
    ),
  );
  const match = { params: [], allow: '' };
  const found = find(table, wanted, match);
  if (found === null) return unmatched(allowed(table, wanted));
  const { route, pattern } = found;
  const values: readonly string[] = match.params;
  const params = paramNames(pattern).map((name, i) => [name, values[i] ?? ''] as const);
  const chosen: Record<string, unknown> = { ...config.policies, ...route.policies };
  const names = new Set(BLOCKS.map(({ name }) => name));
  const policies = [...names].filter((name) => (chosen[name] ?? false) !== false);
  return { outcome: 'route', route, pattern, params, wanted, policies };
}

function unmatched(allow: string): Explanation {
  return allow === ''
    ? { outcome: 'refused', status: 404, reason: 'no route matches' }
    : { outcome: 'refused', status: 405, reason: 'a route matches but for the method', allow };
}

const URL_PARTS = /^(?:https?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?/i;

interface Refusal {
  readonly status: 400 | 501;
  readonly reason: string;
}

/** The checks that every request passes before a route is looked for. */
function readRequest({ method, url, headers }: Asked): Wanted | Refusal {
  const [, authority = getField(headers, 'host') ?? 'localhost', written = '', query = ''] =
    URL_PARTS.exec(url) ?? [];
  const host = parseHost(authority);
  const path = normalisePath(written === '' ? '/' : written);
  if (host === null) return { status: 400, reason: `"${authority}" is not a host` };
  if (path === null)
    return { status: 400, reason: 'the path is not valid, or hides a separator behind an escape' };
  if (!validQuery(query)) return { status: 400, reason: 'the query is not valid' };
  if (!KNOWN_METHODS.has(method))
    return { status: 501, reason: `${method} is not a method that is forwarded` };
  return { method: matchMethod(method, headers), host, path, query, headers };
}
