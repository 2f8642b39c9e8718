import { hash } from 'node:crypto';
import { z } from 'zod';
import type { Authenticator, AuthSite, AuthVerdict, Consumers } from '../contracts/auth.ts';
import type { Exchange } from '../contracts/exchange.ts';
import { fault } from '../contracts/fault.ts';
import type { Identity } from '../contracts/http.ts';
import type { Session } from '../contracts/session.ts';
import { cookieValue, removeCookie } from '../lib/cookie.ts';
import { isToken } from '../lib/fields.ts';
import { makeIdentity } from '../lib/identity.ts';

const schema = z
  .strictObject({
    cookie: z
      .union([z.literal(false), z.string().refine(isToken, { error: 'not the name of a cookie' })])
      .default('sid')
      .describe('Cookie that holds the id of the session; false = none.'),
    header: z
      .union([
        z.literal(false),
        z.string().toLowerCase().refine(isToken, { error: 'not the name of a header field' }),
      ])
      .default(false)
      .describe('Request field that may hold the id instead; false = none.'),
    forward: z.boolean().default(false).describe('Whether the upstream sees the id.'),
  })
  .refine(({ cookie, header }) => cookie !== false || header !== false, {
    error: 'an id can stand nowhere: name a cookie or a header',
  });

type Options = z.output<typeof schema>;

/** Callers with the id of a session that the admin API has made. */
export const session: Authenticator<Options> = {
  name: 'session',
  schema,
  challenge: () => 'Session realm="sluice"',
  compile(options, site) {
    return (x) => {
      const id = shownIn(x, options);
      return id === undefined ? null : verify(id, site);
    };
  },
  conceal({ cookie, header, forward }) {
    if (forward) return null;
    return (x) => {
      if (cookie !== false) removeCookie(x.headers, cookie);
      if (header !== false) x.removeHeader(header);
    };
  },
};

function shownIn(x: Exchange, { cookie, header }: Options): string | undefined {
  const inCookie = cookie === false ? undefined : cookieValue(x.fields('cookie'), cookie);
  return inCookie ?? (header === false ? undefined : x.header(header));
}

/** Ids are stored hashed. They are random and long: a salt would protect nothing. */
export const sessionHash = (id: string): string => hash('sha256', id, 'base64url');

/** Longer texts are no ids: nothing a client sends may cost more than an id does. */
const LONGEST_ID = 256;

const REFUSED = fault('unauthorized');

function verify(id: string, { consumers, services }: AuthSite): AuthVerdict {
  if (id.length > LONGEST_ID) return REFUSED;
  const found = services.sessions.find(sessionHash(id), Date.now());
  if (found === undefined) return REFUSED;
  const identity = identityOf(found, consumers);
  if (identity === null) return REFUSED;
  return found.user !== null && services.revocations.has('sub', found.user) ? REFUSED : identity;
}

/** Who a session stands for, as long as neither it nor the consumers change. */
const identities = new WeakMap<
  Session,
  { readonly consumers: Consumers; readonly identity: Identity | null }
>();

function identityOf(found: Session, consumers: Consumers): Identity | null {
  const known = identities.get(found);
  if (known?.consumers === consumers) return known.identity;
  const identity = makeSessionIdentity(found, consumers);
  identities.set(found, { consumers, identity });
  return identity;
}

/** Null = its consumer is gone. */
function makeSessionIdentity(
  { consumer, user, groups, scopes }: Session,
  consumers: Consumers,
): Identity | null {
  const owner = consumer === null ? null : consumers.get(consumer);
  if (owner === undefined) return null;
  return makeIdentity({
    consumer,
    user,
    scopes,
    groups: [...new Set([...groups, ...(owner?.groups ?? [])])],
  });
}
