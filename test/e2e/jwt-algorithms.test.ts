import { createSecretKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { exportJWK, SignJWT, type JWK } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { request } from '../admin/request.ts';
import { ALGORITHMS } from '../../src/auth/keys.ts';
import { startGateway, type Gateway } from '../support/gateway.ts';

const KEYS = 2;
const TOKENS = 3;

interface Key {
  readonly kid: string;
  readonly signer: KeyObject;
  readonly jwk: JWK;
}

const secret = () => {
  const privateKey = createSecretKey(randomBytes(64));
  return { publicKey: privateKey, privateKey };
};
const MAKERS = {
  RSA: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  P256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  P384: () => generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  P521: () => generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  Ed25519: () => generateKeyPairSync('ed25519'),
  secret,
};
const CURVES: Readonly<Record<string, keyof typeof MAKERS>> = {
  ES256: 'P256',
  ES384: 'P384',
  ES512: 'P521',
  EdDSA: 'Ed25519',
};
const kindOf = (algorithm: string): keyof typeof MAKERS =>
  CURVES[algorithm] ?? (algorithm.startsWith('HS') ? 'secret' : 'RSA');

const keys = new Map<string, Key[]>();
let gateway: Gateway;

beforeAll(async () => {
  for (const [kind, make] of Object.entries(MAKERS)) {
    const made = Array.from({ length: KEYS }, async (_, i): Promise<Key> => {
      const { publicKey, privateKey } = make();
      const kid = `${kind}-${i}`;
      return { kid, signer: privateKey, jwk: { ...(await exportJWK(publicKey)), kid } };
    });
    keys.set(kind, await Promise.all(made));
  }
  const jwks = { keys: [...keys.values()].flat().map(({ jwk }) => jwk) };
  const issuer = { issuer: 'i', audience: 'a', jwks };
  const route = (id: string, algorithms: readonly string[]) => ({
    id,
    match: { paths: [`/${id}`] },
    respond: { body: 'in' },
    policies: { jwt: { issuers: [{ ...issuer, algorithms }] } },
  });
  gateway = await startGateway({
    workers: 1,
    config: { version: 1, routes: [route('every', ALGORITHMS), route('rs256', ['RS256'])] },
  });
}, 60_000);

afterAll(() => gateway?.kill());

const sign = (algorithm: string, { kid, signer }: Key, n: number): Promise<string> =>
  new SignJWT({ iss: 'i', aud: 'a', jti: `${algorithm}-${kid}-${n}` })
    .setProtectedHeader({ alg: algorithm, kid })
    .setExpirationTime('5m')
    .sign(signer);

const ask = async (path: string, token: string): Promise<number> => {
  const headers = { host: 'x', authorization: `Bearer ${token}` };
  return (await request(gateway.port, 'GET', path, undefined, headers)).status;
};

/** The token with one bit of its signature changed, still in its canonical form. */
function forged(token: string): string {
  const at = token.lastIndexOf('.') + 1;
  const signature = Buffer.from(token.slice(at), 'base64url');
  signature[10]! ^= 1;
  return token.slice(0, at) + signature.toString('base64url');
}

test.each(ALGORITHMS)('%s: what each key has signed is accepted, and nothing else', async (algorithm) => {
  for (const key of keys.get(kindOf(algorithm))!)
    for (let n = 0; n < TOKENS; n++) {
      const token = await sign(algorithm, key, n);
      expect(await ask('/every', forged(token))).toBe(401);
      expect(await ask('/every', token)).toBe(200);
    }
});

test.each(ALGORITHMS.filter((name) => name !== 'RS256'))(
  '%s is not accepted of an issuer that signs with RS256, whatever its keys could do',
  async (algorithm) => {
    const [key] = keys.get(kindOf(algorithm))!;
    expect(await ask('/rs256', await sign(algorithm, key!, 0))).toBe(401);
    expect(await ask('/rs256', await sign('RS256', keys.get('RSA')![0]!, 0))).toBe(200);
  },
);
