import { constants as crypto, createHmac, KeyObject, timingSafeEqual, verify } from 'node:crypto';
import type { VerifyKeyObjectInput } from 'node:crypto';
import { constants, setPriority } from 'node:os';
import { importJWK } from 'jose';
import { isPassword, parsePasswordHash } from './auth/password.ts';
import type { PasswordTry, VerifyBatch } from './auth/verify-batch.ts';

/** What checks the signature of a signing input, for one algorithm and one key. */
type Check = (input: Buffer, signature: Buffer) => boolean;

/** Imported keys by algorithm and text: importing costs more than a check. Bounded, the oldest goes. */
const checks = new Map<string, Check>();
const MOST_KEYS = 256;

// The event loop goes first. On Linux this is the priority of the calling thread alone; elsewhere it would be the
// whole process's.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_LOW);

/**
 * ENTRY of the threads. Checks the signatures of a batch one after the other. One byte each: 1 = good. Signatures are
 * checked on this very thread: jose's WebCrypto would hand each to libuv's threads, whose priority is not ours.
 */
export default async function verifyBatch(batch: VerifyBatch): Promise<Uint8Array> {
  const { tokens, algorithms, jwks, keyOf } = batch;
  const good = new Uint8Array(tokens.length);
  for (const [i, token] of tokens.entries()) {
    const [algorithm, jwk] = [algorithms[i]!, jwks[keyOf[i]!]!];
    const id = `${algorithm} ${jwk}`;
    try {
      const check = checks.get(id) ?? remember(id, await makeCheck(algorithm, jwk));
      good[i] = isGood(token, check) ? 1 : 0;
    } catch {
      // A signature that cannot even be read is not good.
    }
  }
  return good;
}

/** Whether a password fits its stored hash; null = whoever asked has waited too long already. */
export function password({ password, hash, until }: PasswordTry): boolean | null {
  return Date.now() > until ? null : isPassword(password, parsePasswordHash(hash));
}

/** RFC 7515 section 5.2. The text was found to be a canonical compact JWS before it came here. */
function isGood(token: string, check: Check): boolean {
  const end = token.lastIndexOf('.');
  return check(Buffer.from(token.slice(0, end), 'latin1'), Buffer.from(token.slice(end + 1), 'base64url'));
}

function remember(id: string, check: Check): Check {
  checks.set(id, check);
  const [oldest] = checks.keys();
  if (checks.size > MOST_KEYS && oldest !== undefined) checks.delete(oldest);
  return check;
}

async function makeCheck(algorithm: string, jwk: string): Promise<Check> {
  const imported = await importJWK(JSON.parse(jwk) as Record<string, string>, algorithm);
  const hash = `sha${algorithm.slice(2)}`;
  if (imported instanceof Uint8Array) {
    return (input, signature) => {
      const digest = createHmac(hash, imported).update(input).digest();
      return digest.length === signature.length && timingSafeEqual(digest, signature);
    };
  }
  const parameters = parametersOf(algorithm, KeyObject.from(imported));
  const digest = algorithm === 'EdDSA' ? null : hash;
  return (input, signature) => verify(digest, input, parameters, signature);
}

/** RFC 7518 sections 3.3 to 3.5 and RFC 8037: padding and salt of RSA, the plain form of two numbers for ECDSA. */
function parametersOf(algorithm: string, key: KeyObject): VerifyKeyObjectInput {
  switch (algorithm.slice(0, 2)) {
    case 'RS':
      return { key, padding: crypto.RSA_PKCS1_PADDING };
    case 'PS':
      return { key, padding: crypto.RSA_PKCS1_PSS_PADDING, saltLength: crypto.RSA_PSS_SALTLEN_DIGEST };
    case 'ES':
      return { key, dsaEncoding: 'ieee-p1363' };
    default:
      return { key };
  }
}
