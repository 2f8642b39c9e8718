import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey } from '../../src/auth/key-hash.ts';
import { request } from '../admin/request.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';
import { makeKey, sign, type SigningKey } from '../support/issuer.ts';

const ROUNDS = 5;

let gateway: Gateway;
let signer: SigningKey;
const keys = Array.from({ length: ROUNDS }, () => newKey());

beforeAll(async () => {
  signer = await makeKey('k');
  const issuers = [{ issuer: 'i', jwks: { keys: [signer.jwk] }, algorithms: ['ES256'] }];
  const route = (id: string, policies: object) => ({
    id,
    match: { paths: [`/${id}`] },
    respond: { body: id },
    policies,
  });
  gateway = await startGateway({
    workers: 2,
    config: {
      version: 1,
      consumers: [{ id: 'alice', keys: keys.map(({ hash }, i) => ({ id: `k${String(i)}`, hash })) }],
      routes: [route('jwt', { jwt: { issuers } }), route('key', { key: {} })],
    },
  });
}, 30_000);

afterAll(() => gateway?.kill());

/** A credential in use, and what revokes it. */
interface Victim {
  readonly path: string;
  readonly fields: Readonly<Record<string, string>>;
  readonly revocation: Readonly<Record<string, string>>;
}

async function bearer(claims: object, revocation: Victim['revocation']): Promise<Victim> {
  const token = await sign(signer, { iss: 'i', ...claims });
  return { path: '/jwt', fields: { authorization: `Bearer ${token}` }, revocation };
}

const victims: Readonly<Record<string, (round: number) => Promise<Victim>>> = {
  jti: (n) => bearer({ jti: `t-${String(n)}`, sub: 'someone' }, { jti: `t-${String(n)}` }),
  sub: (n) => bearer({ sub: `u-${String(n)}` }, { sub: `u-${String(n)}` }),
  key: (n) =>
    Promise.resolve({
      path: '/key',
      fields: { 'x-api-key': keys[n]!.key },
      revocation: { key: `alice/k${String(n)}` },
    }),
};

/** Every request has a connection of its own: all workers are asked. */
const ask = async ({ path, fields }: Victim): Promise<number> =>
  (await request(gateway.port, 'GET', path, undefined, { host: 'x', ...fields })).status;

/** Milliseconds from the beginning of the revocation until the last request began that was still served. */
async function lagOf(victim: Victim): Promise<number> {
  let over = false;
  let last = -Infinity;
  let served = 0;
  const clients = Array.from({ length: 4 }, async () => {
    while (!over) {
      const began = performance.now();
      if ((await ask(victim)) !== 200) continue;
      served++;
      last = Math.max(last, began);
    }
  });
  await expect.poll(() => served).toBeGreaterThan(20);
  const began = performance.now();
  const made = await request(gateway.adminPort, 'POST', '/api/v1/revocations', victim.revocation);
  expect(made.status).toBe(201);
  // With the answer it holds everywhere.
  for (let i = 0; i < 20; i++) expect(await ask(victim)).toBe(401);
  over = true;
  await Promise.all(clients);
  return Math.max(0, last - began);
}

test.each(Object.keys(victims))('a revocation by %s is known to every worker within 100 ms', async (kind) => {
  const lags: number[] = [];
  for (let round = 0; round < ROUNDS; round++) lags.push(await lagOf(await victims[kind]!(round)));
  lags.sort((a, b) => a - b);
  // The machine may be busy with other tests: the usual case counts, and a bound for all.
  expect(lags[2]).toBeLessThan(100);
  expect(lags[4]).toBeLessThan(1_000);
});

test('others are not touched', async () => {
  const other = await bearer({ jti: 'other', sub: 'other' }, {});
  for (let i = 0; i < 10; i++) expect(await ask(other)).toBe(200);
});
