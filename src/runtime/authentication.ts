import { AUTHENTICATORS } from '../auth/index.ts';
import type { AuthSite, AuthVerdict, BoundAuthenticator, Check } from '../contracts/auth.ts';
import type { GatewayConfig } from '../contracts/config.ts';
import { fault } from '../contracts/fault.ts';

/** Options of policies by name, as they are in effect at one place. */
type Options = Readonly<Record<string, unknown>>;

export const isOn = (written: unknown): boolean => written !== undefined && written !== false;

/** The one `auth` policy is in effect where any authenticator is. */
export function authOptions(options: Options): unknown {
  const asked = AUTHENTICATORS.some(({ name }) => isOn(options[name]));
  return asked ? (options.auth ?? {}) : options.auth;
}

/** The authenticators that are in effect where these options are. */
export function bindAuthenticators(options: Options, site: AuthSite): BoundAuthenticator[] {
  return AUTHENTICATORS.filter(({ name }) => isOn(options[name])).map((each) => ({
    name: each.name,
    check: onceKnown(each.compile(options[each.name], site), site),
    challenge: each.challenge(options[each.name]),
    conceal: each.conceal?.(options[each.name]) ?? null,
  }));
}

const UNREAD = fault('auth_unavailable', undefined, ['retry-after', '1']);

/** While it is not known who is revoked, nobody's credential is believed. Costs nothing where that is known already. */
function onceKnown(check: Check, { services: { revocations } }: AuthSite): Check {
  if (revocations.complete) return check;
  const withheld = (verdict: AuthVerdict): AuthVerdict => (verdict === null ? null : UNREAD);
  return (x) => {
    const verdict = check(x);
    if (revocations.complete) return verdict;
    return verdict instanceof Promise ? verdict.then(withheld) : withheld(verdict);
  };
}

/** Names of the fields in which authenticators, anywhere in the configuration, tell an upstream who calls. */
export const sentFields = (config: GatewayConfig): string[] =>
  everywhere(config, (each, options) => each.sends?.(options) ?? []);

/** Names of the query parameters, anywhere in the configuration, that hold credentials: their values are never logged. */
export const secretParameters = (config: GatewayConfig): string[] =>
  everywhere(config, (each, options) => each.parameters?.(options) ?? []);

/** Whether any route asks who is calling. */
export const checksCredentials = (config: GatewayConfig): boolean =>
  everywhere(config, ({ name }) => [name]).length > 0;

function everywhere(
  config: GatewayConfig,
  read: (each: (typeof AUTHENTICATORS)[number], options: unknown) => readonly string[],
): string[] {
  const places: Options[] = [config.policies, ...config.routes.map((route) => route.policies)];
  return places.flatMap((options) =>
    AUTHENTICATORS.flatMap((each) => (isOn(options[each.name]) ? [...read(each, options[each.name])] : [])),
  );
}
