import { constants, setPriority } from 'node:os';
import { compactVerify, importJWK } from 'jose';
import type { VerifyBatch } from './auth/verify-batch.ts';

type Key = Awaited<ReturnType<typeof importJWK>>;

/** Imported keys by algorithm and text: importing costs more than a check. Bounded, the oldest goes. */
const keys = new Map<string, Key>();
const MOST_KEYS = 256;

// The event loop goes first. On Linux this is the priority of the calling thread alone; elsewhere it would be the
// whole process's.
if (process.platform === 'linux') setPriority(0, constants.priority.PRIORITY_LOW);

/** ENTRY of the threads: checks the signatures of a batch one after the other. One byte each: 1 = good. */
export default async function verify({ tokens, algorithms, jwks, keyOf }: VerifyBatch): Promise<Uint8Array> {
  const good = new Uint8Array(tokens.length);
  for (const [i, token] of tokens.entries())
    good[i] = (await isGood(token, algorithms[i]!, jwks[keyOf[i]!]!)) ? 1 : 0;
  return good;
}

async function isGood(token: string, algorithm: string, jwk: string): Promise<boolean> {
  try {
    await compactVerify(token, await keyFor(algorithm, jwk), { algorithms: [algorithm] });
    return true;
  } catch {
    return false;
  }
}

async function keyFor(algorithm: string, jwk: string): Promise<Key> {
  const id = `${algorithm} ${jwk}`;
  const known = keys.get(id);
  if (known !== undefined) return known;
  const key = await importJWK(JSON.parse(jwk) as Record<string, string>, algorithm);
  keys.set(id, key);
  const [oldest] = keys.keys();
  if (keys.size > MOST_KEYS && oldest !== undefined) keys.delete(oldest);
  return key;
}
