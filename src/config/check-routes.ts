import { checkFields, checkMatch } from './check-match.ts';
import type { Path, Report } from './mistakes.ts';
import { getIn, isMap, listOf, mapOf, pairsOf, textsOf, type Raw } from './raw.ts';
import { remedy } from './suggest.ts';

/** Checks every route by itself and against the upstreams and the other routes. */
export function checkRoutes(data: Raw, report: Report): void {
  const upstreams = listOf(data.upstreams)
    .map((each) => mapOf(each).id)
    .filter((id) => typeof id === 'string');
  const known = new Set(upstreams);
  const firsts = new Map<string, unknown>();
  for (const [i, route] of listOf(data.routes).entries()) {
    if (!isMap(route)) continue;
    const path = ['routes', i];
    if (route.id === 'global')
      report([...path, 'id'], 'global stands for all routes where limits are counted: choose another id');
    checkMatch(route.match, [...path, 'match'], report);
    checkService(route, path, report);
    if (typeof route.upstream === 'string' && !known.has(route.upstream))
      report(
        [...path, 'upstream'],
        `there is no upstream "${route.upstream}": ${remedy(route.upstream, upstreams, 'add it to upstreams')}`,
      );
    checkRedirect(route, data, [...path, 'redirect'], report);
    checkRespond(route.respond, [...path, 'respond'], report);
    checkReached(route, path, firsts, report);
  }
}

/** A route without one readable path is wrong in another way already. */
function checkReached(route: Raw, path: Path, firsts: Map<string, unknown>, report: Report): void {
  if (textsOf(mapOf(route.match).paths).length === 0) return;
  const key = identity(route);
  if (!firsts.has(key)) {
    firsts.set(key, route.id);
    return;
  }
  const first = firsts.get(key);
  const name = typeof first === 'string' ? `route "${first}"` : 'a route above';
  report([...path, 'match'], `never reached: ${name} has the same match; change one, or set priority`);
}

function checkService(route: Raw, path: Path, report: Report): void {
  const forwards = Object.hasOwn(route, 'upstream');
  const answers = Object.hasOwn(route, 'respond');
  if (forwards && answers) report(path, 'has both upstream and respond: remove one');
  if (!forwards && !answers) report(path, 'leads nowhere: add upstream (an id) or respond');
}

/** Without a way to be known as https a request would be sent round in circles. */
function checkRedirect({ redirect }: Raw, data: Raw, path: Path, report: Report): void {
  if (redirect !== 'https' || isMap(getIn(data, ['listen', 'https']))) return;
  if (listOf(data.trustedProxies).length === 0)
    report(
      path,
      'nothing can come over https: add listen.https, or in trustedProxies the load balancer that ends TLS',
    );
}

/** Fields of a reply that say how it is framed, which only an edge knows. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'date']);

/** Checks a reply that is written in the configuration. */
export function checkRespond(respond: unknown, path: Path, report: Report): void {
  const { status, body, headers } = mapOf(respond);
  checkFields(headers, [...path, 'headers'], report);
  for (const [name] of pairsOf(headers))
    if (FRAMING.has(name.toLowerCase()))
      report([...path, 'headers', name], `${name} is written by the gateway itself: remove it`, 'key');
  const bodiless = status === 204 || status === 205 || status === 304;
  if (bodiless && typeof body === 'string' && body !== '')
    report([...path, 'body'], `a ${String(status)} reply has no body: remove it, or change the status`);
}

/** Two routes with the same text can never be told apart by a request. Names of parameters do not count. */
function identity({ match, priority = 0 }: Raw): string {
  const { hosts, paths, methods, headers, query } = mapOf(match);
  const sorted = (list: unknown) => [...new Set(textsOf(list).map(([, text]) => text))].sort();
  const lower = (list: string[]) => list.map((text) => text.toLowerCase()).sort();
  const conditions = (map: unknown) => pairsOf(map).sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([
    lower(sorted(hosts)),
    sorted(paths)
      .map((pattern) => pattern.replace(/\/:[^/]*/g, '/:'))
      .sort(),
    sorted(methods),
    conditions(headers).map(([name, value]) => [name.toLowerCase(), value]),
    conditions(query),
    priority,
  ]);
}
