import { createPublicKey } from 'node:crypto';
import { isObject, type JsonObject } from './compact.ts';

/** What a key must be for an algorithm (RFC 7518 section 3, RFC 8037): `bytes` = of a shared secret, at least. */
interface Fit {
  readonly kty: 'RSA' | 'EC' | 'OKP' | 'oct';
  readonly crv?: string;
  readonly bytes?: number;
}

const FITS: Readonly<Record<string, Fit>> = {
  RS256: { kty: 'RSA' },
  RS384: { kty: 'RSA' },
  RS512: { kty: 'RSA' },
  PS256: { kty: 'RSA' },
  PS384: { kty: 'RSA' },
  PS512: { kty: 'RSA' },
  ES256: { kty: 'EC', crv: 'P-256' },
  ES384: { kty: 'EC', crv: 'P-384' },
  ES512: { kty: 'EC', crv: 'P-521' },
  EdDSA: { kty: 'OKP', crv: 'Ed25519' },
  HS256: { kty: 'oct', bytes: 32 },
  HS384: { kty: 'oct', bytes: 48 },
  HS512: { kty: 'oct', bytes: 64 },
};

/** Every algorithm that may be allowed; `none` is not one. */
export const ALGORITHMS: readonly string[] = Object.keys(FITS);
export const isSymmetric = (algorithm: string): boolean => algorithm.startsWith('HS');

/** A key that signatures are checked with. */
export class VerifyKey {
  readonly kid: string | null;
  /** Text of the JWK with the members that matter to a check and no others. */
  readonly jwk: string;
  /** Algorithms that it may be used with. */
  readonly algorithms: ReadonlySet<string>;
  /** False = it was taken out of its set: what was accepted by it is to be refused from now on. */
  live = true;

  constructor(kid: string | null, jwk: string, algorithms: readonly string[]) {
    this.kid = kid;
    this.jwk = jwk;
    this.algorithms = new Set(algorithms);
  }
}

const SMALLEST_RSA = 2048;

/** Reads one key of a set (RFC 7517). A text = why it cannot be used; it holds nothing of the key. */
export function readJwk(jwk: unknown): VerifyKey | string {
  if (!isObject(jwk)) return 'it is not an object';
  const { kid, use, alg, key_ops: operations } = jwk;
  if (kid !== undefined && typeof kid !== 'string') return 'kid is not text';
  if (use !== undefined && use !== 'sig') return 'use is not sig';
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify')))
    return 'key_ops does not hold verify';
  const bare = bareKey(jwk);
  if (typeof bare === 'string') return bare;
  const fitting = ALGORITHMS.filter((name) => fits(bare, FITS[name]!));
  const allowed = alg === undefined ? fitting : fitting.filter((name) => name === alg);
  if (allowed.length === 0)
    return alg === undefined ? 'no algorithm fits it' : 'alg is not supported or does not fit the key';
  return new VerifyKey(kid ?? null, JSON.stringify(bare), allowed);
}

/** Reads a public key or a certificate in PEM. */
export function readPem(pem: string): VerifyKey | string {
  if (pem.includes('PRIVATE KEY')) return 'it is a private key: give the public one';
  try {
    return readJwk(createPublicKey(pem).export({ format: 'jwk' }));
  } catch {
    return 'it is not a public key in PEM';
  }
}

/** A shared secret as a key. */
export function readSecret(secret: string): VerifyKey | string {
  return readJwk({ kty: 'oct', k: Buffer.from(secret).toString('base64url') });
}

/** The members that make the key; a text = why there is no such key. */
function bareKey(jwk: JsonObject): JsonObject | string {
  if (jwk.kty === 'oct') {
    const { k } = jwk;
    const valid = typeof k === 'string' && Buffer.from(k, 'base64url').toString('base64url') === k;
    return valid ? { kty: 'oct', k } : 'k is not base64url';
  }
  if (jwk.d !== undefined) return 'it holds a private key: whoever has seen it can sign';
  if (!['RSA', 'EC', 'OKP'].includes(String(jwk.kty))) return 'kty is not supported';
  try {
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
    const { modulusLength = SMALLEST_RSA, publicExponent = 65_537n } = key.asymmetricKeyDetails ?? {};
    if (modulusLength < SMALLEST_RSA) return `it is shorter than ${String(SMALLEST_RSA)} bits`;
    if (publicExponent < 3n || publicExponent % 2n === 0n) return 'its exponent is no exponent';
    return key.export({ format: 'jwk' });
  } catch {
    return 'its numbers are no key';
  }
}

function fits(jwk: JsonObject, { kty, crv, bytes = 0 }: Fit): boolean {
  if (jwk.kty !== kty || (crv !== undefined && jwk.crv !== crv)) return false;
  return typeof jwk.k !== 'string' || Buffer.from(jwk.k, 'base64url').length >= bytes;
}
