import { generateKeyPairSync, sign as signBytes, createHmac, type KeyObject } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { ThreadVerifier } from '../../src/auth/verifier.ts';
import { AUTHENTICATORS } from '../../src/auth/index.ts';
import type { AuthServices, AuthVerdict, Check, Consumers } from '../../src/contracts/auth.ts';
import type { Facts } from '../../src/contracts/facts.ts';
import { inertAuth, noConsumers } from '../../src/lib/inert.ts';
import { atEnd } from '../support/cleanup.ts';
import { exchange } from '../policies/exchange.ts';

/** Threads run the built program: they cannot load TypeScript. */
const VERIFY = fileURLToPath(new URL('../../dist/verify.js', import.meta.url));

/** A verifier with real threads; ends with the test. */
export function realVerifier(threads = 1): ThreadVerifier {
  const verifier = new ThreadVerifier(VERIFY, () => threads);
  atEnd(() => verifier.close());
  return verifier;
}

export interface Given {
  readonly facts?: Facts;
  readonly consumers?: Consumers;
  readonly services?: AuthServices;
}

/** The check of a `jwt` block as it would stand on a route. */
export function compileJwt(options: unknown, given: Given = {}): Check {
  const { facts = inertAuth.facts, consumers = noConsumers } = given;
  const services = given.services ?? { ...inertAuth, facts, verifier: realVerifier() };
  const authenticator = AUTHENTICATORS.find(({ name }) => name === 'jwt')!;
  return authenticator.compile(options, { route: { id: 'r', upstreamId: null }, consumers, services });
}

/** What the check says to a bearer of that token. */
export function bear(check: Check, token: string): AuthVerdict | Promise<AuthVerdict> {
  return check(exchange({ headers: ['authorization', `Bearer ${token}`] }));
}

/** `accepted`, or the code of the refusal. */
export async function outcome(check: Check, token: string): Promise<string> {
  const verdict = await bear(check, token);
  return verdict === null ? 'missing' : 'code' in verdict ? verdict.code : 'accepted';
}

export const b64 = (value: string | object): string =>
  (Buffer.isBuffer(value)
    ? value
    : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  ).toString('base64url');

export const now = (): number => Math.floor(Date.now() / 1000);

/** An ES256 key with its public JWK. */
export function ecKey(kid?: string): { privateKey: KeyObject; jwk: Record<string, unknown> } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    privateKey,
    jwk: { ...publicKey.export({ format: 'jwk' }), ...(kid === undefined ? {} : { kid }) },
  };
}

/** A token of any header and body, even such as no library would make, with a good ES256 signature. */
export function forge(key: KeyObject, header: string | object, claims: string | object): string {
  const signed = `${b64(header)}.${b64(claims)}`;
  const signature = signBytes('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** The same with an HMAC. */
export function hmac(secret: string | Buffer, header: object, claims: object, hash = 'sha256'): string {
  const signed = `${b64(header)}.${b64(claims)}`;
  return `${signed}.${createHmac(hash, secret).update(signed).digest('base64url')}`;
}
