import { z } from 'zod';
import type { Authenticator, AuthSite, AuthVerdict, StoredKey } from '../contracts/auth.ts';
import type { Exchange } from '../contracts/exchange.ts';
import { fault } from '../contracts/fault.ts';
import { isToken } from '../lib/fields.ts';
import { getParameter, withoutParameter } from '../lib/query.ts';
import { fits, newKey, parseKeyHash, prefixOf } from './key-hash.ts';
import type { KeyHash } from './key-hash.ts';

const schema = z.strictObject({
  header: z
    .string()
    .toLowerCase()
    .refine(isToken, { error: 'not the name of a header field' })
    .default('x-api-key')
    .describe('Request field that holds the key.'),
  query: z
    .union([
      z.literal(false),
      z.string().regex(/^[A-Za-z0-9._~-]+$/, 'a name of letters, digits and . _ ~ -'),
    ])
    .default(false)
    .describe('Query parameter that may hold the key instead; false = none. Its value is never logged.'),
  forward: z.boolean().default(false).describe('Whether the upstream sees the key.'),
});

type Options = z.output<typeof schema>;

/** Callers that show an API key of a consumer. The same for every key: found by its prefix, hashed once, compared. */
export const key: Authenticator<Options> = {
  name: 'key',
  schema,
  challenge: () => 'ApiKey realm="sluice"',
  compile(options, site) {
    return (x) => {
      const shown = shownIn(x, options);
      return shown === undefined ? null : verify(shown, site);
    };
  },
  parameters: ({ query }) => (query === false ? [] : [query]),
  conceal({ header, query, forward }) {
    if (forward) return null;
    return (x) => {
      x.removeHeader(header);
      if (query !== false) x.query = withoutParameter(x.query, query);
    };
  },
};

/** A key in a header counts before one in the query. */
function shownIn(x: Exchange, { header, query }: Options): string | undefined {
  return x.header(header) ?? (query === false ? undefined : getParameter(x.query, query));
}

/** What a key with an unknown prefix is compared with, so that it takes as long as a known one. */
const NOBODY = [parseKeyHash(newKey().hash)];

const REFUSED = fault('unauthorized');

function verify(shown: string, { consumers, services }: AuthSite): AuthVerdict {
  const prefix = prefixOf(shown);
  if (prefix === null) return REFUSED;
  const stored = consumers.keys(prefix);
  const owner = stored.length === 0 ? matching(shown, NOBODY) : matching(shown, stored);
  if (owner === null || owner.expires <= Date.now()) return REFUSED;
  const { identity, id } = owner;
  const { revocations } = services;
  if (revocations.has('key', id) || revocations.has('key', identity.keyId ?? id)) return REFUSED;
  return identity;
}

/** Looks at all of them: which one fits does not show in the time. */
function matching(shown: string, stored: readonly (StoredKey | KeyHash)[]): StoredKey | null {
  let found: StoredKey | null = null;
  for (let i = 0; i < stored.length; i++) {
    const each = stored[i]!;
    if (fits(shown, each) && 'identity' in each) found = each;
  }
  return found;
}
