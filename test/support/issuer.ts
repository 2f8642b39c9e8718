import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { exportJWK, SignJWT, type JWK, type JWTPayload } from 'jose';
import { startOrigin, type Origin } from './origin.ts';

/** A key that tokens are signed with. */
export interface SigningKey {
  readonly kid: string;
  readonly algorithm: string;
  readonly privateKey: KeyObject;
  /** Its public half, with kid and alg. */
  readonly jwk: JWK;
}

const MAKERS: Record<string, () => { publicKey: KeyObject; privateKey: KeyObject }> = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: () => generateKeyPairSync('ed25519'),
};

export async function makeKey(kid: string, algorithm: keyof typeof MAKERS = 'ES256'): Promise<SigningKey> {
  const { publicKey, privateKey } = MAKERS[algorithm]!();
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: algorithm };
  return { kid, algorithm, privateKey, jwk };
}

/** A compact JWS with these claims; expires in five minutes unless they say otherwise. */
export function sign(key: SigningKey, claims: JWTPayload, header: object = {}): Promise<string> {
  const exp = Math.floor(Date.now() / 1000) + 300;
  return new SignJWT({ exp, ...claims })
    .setProtectedHeader({ alg: key.algorithm, kid: key.kid, ...header })
    .sign(key.privateKey);
}

/** An issuer that serves its key set at `url`; keys can be changed while it runs. */
export interface Issuer {
  readonly url: string;
  readonly origin: Origin;
  keys: JWK[];
  /** Answers with this instead, while it is set. */
  instead: ((response: ServerResponse) => void) | null;
}

export async function startIssuer(...keys: SigningKey[]): Promise<Issuer> {
  const issuer = { keys: keys.map(({ jwk }) => jwk), instead: null as Issuer['instead'] };
  const origin = await startOrigin((_, response) => {
    if (issuer.instead !== null) issuer.instead(response);
    else response.end(JSON.stringify({ keys: issuer.keys }));
  });
  return Object.assign(issuer, { url: `${origin.url}/jwks.json`, origin });
}
