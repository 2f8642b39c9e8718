import { AUTHENTICATORS } from '../auth/index.ts';
import type { Path, Report } from './mistakes.ts';
import { isMap, listOf, mapOf, textsOf, type Raw } from './raw.ts';
import { remedy } from './suggest.ts';

/** Checks that what `auth` and `access` rely on is there: authenticators in effect on the route, and consumers. */
export function checkAuth(data: Raw, report: Report): void {
  const root = mapOf(data.policies);
  const consumers = listOf(data.consumers).map((each) => String(mapOf(each).id));
  checkNames(root, ['policies'], consumers, report);
  for (const [i, route] of listOf(data.routes).entries()) {
    const own = mapOf(mapOf(route).policies);
    const path = ['routes', i, 'policies'];
    checkNames(own, path, consumers, report);
    checkRoute({ ...root, ...own }, isMap(own.auth) ? [...path, 'auth'] : path, own, report);
  }
}

const isOn = (options: unknown): boolean => options !== undefined && options !== false;

/** The options in effect on one route; mistakes of the root's are told at the route that makes them one. */
function checkRoute(options: Raw, at: Path, own: Raw, report: Report): void {
  const methods = AUTHENTICATORS.map(({ name }) => name).filter((name) => isOn(options[name]));
  const identified = methods.length > 0 && options.auth !== false;
  if (isOn(options.access) && !identified)
    report(
      isMap(own.access) ? [...at.slice(0, 3), 'access'] : at,
      'access asks who calls, and nothing here tells: add key, session, basic or jwt, or set access: false',
    );
  if (!isMap(options.auth)) return;
  if (methods.length === 0)
    report(at, 'auth has nothing to run here: add key, session, basic or jwt, or set auth: false');
  for (const [i, name] of textsOf(options.auth.anyOf))
    if (methods.length > 0 && !methods.includes(name))
      report(
        isMap(own.auth) ? [...at, 'anyOf', i] : at,
        `${name} is not in effect here: add it beside auth (${methods.join(', ')} ${methods.length === 1 ? 'is' : 'are'})`,
      );
}

function checkNames(policies: Raw, path: Path, consumers: readonly string[], report: Report): void {
  const { anonymous } = mapOf(policies.auth);
  const unknown = (name: string) =>
    `there is no consumer "${name}": ${remedy(name, consumers, 'add it to consumers')}`;
  if (typeof anonymous === 'string' && !consumers.includes(anonymous))
    report([...path, 'auth', 'anonymous'], unknown(anonymous));
}
