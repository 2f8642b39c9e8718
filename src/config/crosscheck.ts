import { parseCidr } from '../lib/cidr.ts';
import { checkAuth } from './check-auth.ts';
import { checkConsumers } from './check-consumers.ts';
import { checkFallbacks } from './check-fallback.ts';
import { checkJwt } from './check-jwt.ts';
import { checkListen } from './check-listen.ts';
import { checkRoutes } from './check-routes.ts';
import { checkStore } from './check-store.ts';
import { checkUpstreams } from './check-upstreams.ts';
import type { Report } from './mistakes.ts';
import { isMap, listOf, mapOf, textsOf, type Raw } from './raw.ts';

/**
 * Checks what the schema cannot see: values that must fit each other, and texts whose grammar belongs to
 * another part of the gateway. Runs on the data as written, so it works whatever else is wrong. `warn` is
 * for what can be served and is hardly meant so.
 */
export function crossCheck(data: Raw, report: Report, warn: Report): void {
  checkIds(data, 'upstreams', report);
  checkIds(data, 'routes', report);
  checkIds(data, 'consumers', report);
  checkConsumers(data, report, warn);
  checkAuth(data, report);
  checkListen(data, report, warn);
  for (const [i, text] of textsOf(data.trustedProxies))
    if (parseCidr(text) === null)
      report(
        ['trustedProxies', i],
        `"${text}" is not an address or a block: write 10.0.0.0/8, 2001:db8::/32 or one address`,
      );
  checkTokens(data, report);
  checkStore(data, report, warn);
  checkUpstreams(data, report);
  checkFallbacks(data, report, warn);
  checkRoutes(data, report);
  checkJwt(data, warn);
}

function checkIds(data: Raw, list: string, report: Report): void {
  const seen = new Set<unknown>();
  for (const [i, item] of listOf(data[list]).entries()) {
    const { id } = mapOf(item);
    if (typeof id !== 'string') continue;
    if (seen.has(id)) report([list, i, 'id'], `the id "${id}" is taken by an item above: rename one`);
    seen.add(id);
  }
}

/** RFC 6750 section 2.1: what can stand after `Bearer`. */
const BEARER = /^[A-Za-z0-9\-._~+/]+=*$/;

function checkTokens(data: Raw, report: Report): void {
  const tokens = listOf(mapOf(data.admin).tokens);
  const seen = new Set<string>();
  let administered = false;
  for (const [i, each] of tokens.entries()) {
    const path = isMap(each) && 'token' in each ? ['admin', 'tokens', i, 'token'] : ['admin', 'tokens', i];
    const token = isMap(each) ? each.token : each;
    if (typeof token !== 'string' || token === '') continue;
    if (!BEARER.test(token)) report(path, 'not a bearer token: use letters, digits and - . _ ~ + / only');
    if (seen.has(token)) report(path, 'this token is already there: remove one');
    seen.add(token);
    administered ||= !isMap(each) || (each.role !== 'read' && each.role !== 'write');
  }
  // Without this rule a list of lesser tokens would look like an empty one to whoever counts admins only.
  if (seen.size > 0 && !administered)
    report(['admin', 'tokens'], 'no token has the role admin: add one that has');
}
