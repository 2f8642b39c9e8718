import type { Verifier } from '../contracts/auth.ts';
import type { VerifyKey } from './keys.ts';
import type { Candidate } from './rules.ts';

/**
 * Why no key has proved a token: its signature is bad under every key that may have made it | no key may have made it |
 * nobody can say, since the issuer does not answer | too many tokens wait.
 */
export type Unproved = 'forged' | 'unknown' | 'unasked' | 'busy';

/** Looks for the key that signed a token, under one issuer. */
export async function provenBy(
  token: string,
  candidate: Candidate,
  verifier: Verifier,
): Promise<VerifyKey | Unproved> {
  const { kid } = candidate;
  const known = findKeys(candidate);
  if (known.length > 0) {
    const proof = await tryKeys(token, candidate, known, verifier);
    // A token that names no key may be signed with one that is not known yet, like a token that names an unknown key.
    if (proof !== 'forged' || kid !== undefined) return proof;
  }
  const settled = await candidate.issuer.keys.settled(Date.now());
  const fresh = findKeys(candidate).filter((key) => !known.includes(key));
  if (fresh.length > 0) return tryKeys(token, candidate, fresh, verifier);
  if (!settled) return 'unasked';
  return known.length > 0 ? 'forged' : 'unknown';
}

const findKeys = ({ issuer, kid, algorithm }: Candidate): readonly VerifyKey[] =>
  issuer.keys.find(kid, algorithm) ?? [];

async function tryKeys(
  token: string,
  { algorithm }: Candidate,
  keys: readonly VerifyKey[],
  verifier: Verifier,
): Promise<VerifyKey | 'forged' | 'busy'> {
  for (const key of keys) {
    const good = await verifier.signature(token, algorithm, key.jwk);
    if (good === null) return 'busy';
    if (good && key.live) return key;
  }
  return 'forged';
}
