import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey } from '../../src/auth/key-hash.ts';
import { request } from '../admin/request.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { makeKey, sign, type SigningKey } from '../support/issuer.ts';
import { startOrigin, type Origin } from '../support/origin.ts';

/** Tokens are proved by threads: the verdict on a new one comes later than that on a key, and must count all the same. */
let gateway: Gateway;
let origin: Origin;
let signer: SigningKey;
const { key, hash } = newKey();

beforeAll(async () => {
  signer = await makeKey('k');
  origin = await startOrigin();
  const jwt = { issuers: [{ issuer: 'i', audience: 'a', jwks: { keys: [signer.jwk] } }] };
  const route = (id: string, auth: object) => ({
    id,
    match: { paths: [`/${id}`] },
    upstream: 'o',
    policies: { jwt, key: {}, auth },
  });
  const anyOf = ['jwt', 'key'];
  gateway = await startGateway({
    workers: 1,
    config: {
      version: 1,
      upstreams: [{ id: 'o', targets: [{ url: origin.url }] }],
      consumers: [{ id: 'alice', keys: [{ id: 'k1', hash }] }, { id: 'visitor' }],
      routes: [
        route('all', {}),
        route('any', { anyOf }),
        route('any-reversed', { anyOf: [...anyOf].reverse() }),
        route('open', { anonymous: 'visitor' }),
        route('any-open', { anyOf, anonymous: 'visitor' }),
      ],
    },
  });
}, 30_000);

afterAll(async () => {
  await gateway?.kill();
  await origin?.stop();
});

const GOOD_KEY = { 'x-api-key': key };
const BAD_KEY = { 'x-api-key': `${key.slice(0, -1)}${key.endsWith('a') ? 'b' : 'a'}` };
let tokens = 0;
/** A new one each time. */
async function token(): Promise<{ authorization: string }> {
  const text = await sign(signer, { iss: 'i', aud: 'a', sub: 'u1', jti: `t${tokens++}` });
  return { authorization: `Bearer ${text}` };
}
/** Nothing is wrong with it but its signature. */
async function badToken(): Promise<{ authorization: string }> {
  const other = await makeKey('k');
  const text = await sign(other, { iss: 'i', aud: 'a', sub: 'root', jti: `t${tokens++}` });
  return { authorization: `Bearer ${text}` };
}

/** Who the upstream is told of (user and consumer), or the status and the schemes of the challenges. */
async function who(path: string, headers: Record<string, string>): Promise<string> {
  const forged = { 'x-consumer-id': 'root', 'x-user-id': 'root' };
  const before = origin.requests.length;
  const reply = await request(gateway.port, 'GET', `/${path}`, undefined, {
    host: 'x',
    ...forged,
    ...headers,
  });
  if (reply.status === 200) {
    const seen = origin.requests.at(-1)!;
    expect(seen.get('x-api-key')).toEqual([]);
    return ['x-user-id', 'x-consumer-id'].map((name) => seen.get(name).join()).join('/');
  }
  expect(origin.requests).toHaveLength(before);
  expect(reply.json).toMatchObject({ type: 'urn:sluice:problem:unauthorized', status: reply.status });
  const schemes = (reply.headers['www-authenticate'] ?? '').match(/\b(?:Bearer|ApiKey)\b/g) ?? [];
  return `${reply.status} ${[...new Set(schemes)].toSorted().join()}`;
}

const NONE = '401 ApiKey,Bearer';

type Fields = Record<string, string>;
const NOTHING = (): Promise<Fields> => Promise.resolve({});
/** What is shown of each kind, and who that is on each route. */
const CASES: [
  name: string,
  token: () => Promise<Fields>,
  keyFields: Fields,
  Record<string, string | RegExp>,
][] = [
  ['nothing', NOTHING, {}, { all: NONE, any: NONE, open: '/visitor', 'any-open': '/visitor' }],
  ['a token', token, {}, { all: NONE, any: 'u1/', open: NONE, 'any-open': 'u1/' }],
  ['a key', NOTHING, GOOD_KEY, { all: NONE, any: '/alice', open: NONE, 'any-open': '/alice' }],
  ['both', token, GOOD_KEY, { all: 'u1/alice', any: /^u1\//, open: 'u1/alice', 'any-open': /^u1\// }],
  ['a bad token', badToken, {}, { all: /^401/, any: /^401/, open: /^401/, 'any-open': /^401/ }],
  ['a bad key', NOTHING, BAD_KEY, { all: /^401/, any: /^401/, open: /^401/, 'any-open': /^401/ }],
  [
    'a bad token, a key',
    badToken,
    GOOD_KEY,
    { all: /^401/, any: '/alice', open: /^401/, 'any-open': '/alice' },
  ],
  ['a token, a bad key', token, BAD_KEY, { all: /^401/, any: 'u1/', open: /^401/, 'any-open': 'u1/' }],
  ['both bad', badToken, BAD_KEY, { all: /^401/, any: /^401/, open: /^401/, 'any-open': /^401/ }],
];

describe.each(CASES)('%s', (_, shown, keyFields, expected) => {
  test.each(Object.entries(expected))('on the route %s', async (route, wanted) => {
    const fields = { ...(await shown()), ...keyFields };
    const first = await who(route, fields);
    if (typeof wanted === 'string') expect(first).toBe(wanted);
    else expect(first).toMatch(wanted);
    // The verdict is known by now.
    expect(await who(route, fields)).toBe(first);
  });
});

test('the order in anyOf does not decide who is let in', async () => {
  expect(await who('any-reversed', { ...(await token()), ...BAD_KEY })).toBe('u1/');
  expect(await who('any-reversed', { ...(await badToken()), ...GOOD_KEY })).toBe('/alice');
  expect(await who('any-reversed', { ...(await badToken()), ...BAD_KEY })).toMatch(/^401/);
});

test('many at once are not taken for each other', async () => {
  const kinds = [
    async () => ({ fields: { ...(await token()), ...GOOD_KEY }, status: 200 }),
    async () => ({ fields: { ...(await badToken()), ...GOOD_KEY }, status: 401 }),
    async () => ({ fields: { ...(await token()), ...BAD_KEY }, status: 401 }),
    async () => ({ fields: { ...(await token()) }, status: 401 }),
  ];
  const asked = await Promise.all(Array.from({ length: 80 }, (__, i) => kinds[i % kinds.length]!()));
  const replies = await Promise.all(
    asked.map(({ fields }) => request(gateway.port, 'GET', '/all', undefined, { host: 'x', ...fields })),
  );
  expect(replies.map(({ status }) => status)).toEqual(asked.map(({ status }) => status));
});
