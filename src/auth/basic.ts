import { z } from 'zod';
import type { Authenticator, AuthVerdict, StoredLogin, Verifier } from '../contracts/auth.ts';
import { fault } from '../contracts/fault.ts';
import { PasswordDesk } from './password-desk.ts';

const schema = z.strictObject({
  realm: z
    .string()
    .regex(/^[ !#-[\]-~]{1,64}$/, '1 to 64 printable characters without quotes and backslashes')
    .default('sluice')
    .describe('What a browser shows when it asks for name and password.'),
  forward: z.boolean().default(false).describe('Whether the upstream sees the credentials.'),
});

/** Callers with name and password of a consumer (RFC 7617), in UTF-8. */
export const basic: Authenticator<z.output<typeof schema>> = {
  name: 'basic',
  schema,
  challenge: ({ realm }) => `Basic realm="${realm}", charset="UTF-8"`,
  compile(_, { consumers, services: { verifier, revocations } }) {
    // Asked at every use: a password that is remembered is good for as long as its user is.
    const standing = ({ identity }: StoredLogin): AuthVerdict =>
      identity.user !== null && revocations.has('sub', identity.user) ? REFUSED : identity;
    let desk = desks.get(verifier);
    if (desk === undefined) desks.set(verifier, (desk = new PasswordDesk(verifier)));
    return (x) => {
      const credentials = readCredentials(x.header('authorization'));
      if (credentials === null) return null;
      const login = consumers.login(credentials.name);
      if (login !== undefined && desk.isKnown(credentials.password, login.hash)) return standing(login);
      const asked = desk.ask(credentials.password, login?.hash ?? consumers.nobody);
      if (asked === null) return BUSY;
      return asked.then((good): AuthVerdict => {
        if (good === null) return BUSY;
        return good && login !== undefined ? standing(login) : REFUSED;
      });
    };
  },
  conceal({ forward }) {
    if (forward) return null;
    return (x) => {
      if (isBasic(x.header('authorization'))) x.removeHeader('authorization');
    };
  },
};

/** One for the process: what its threads can do, and what they found, is shared by all routes. */
const desks = new WeakMap<Verifier, PasswordDesk>();

const REFUSED = fault('unauthorized');
const BUSY = fault('auth_unavailable', undefined, ['retry-after', '1']);

const isBasic = (value: string | undefined): value is string =>
  value !== undefined && value.length > 6 && value.slice(0, 6).toLowerCase() === 'basic ';

/** Longer passwords would make a hash dearer than the queue allows for. */
const LONGEST = 1024;

/** Null = no such credentials. What does not decode is a name that nobody has. */
function readCredentials(value: string | undefined): { name: string; password: string } | null {
  if (!isBasic(value)) return null;
  if (value.length > LONGEST) return { name: '', password: '' };
  const text = Buffer.from(value.slice(6), 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0
    ? { name: '', password: '' }
    : { name: text.slice(0, colon), password: text.slice(colon + 1) };
}
