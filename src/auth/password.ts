import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import type { ScryptOptions } from 'node:crypto';

/** Passwords as PHC strings `$scrypt$ln=15,r=8,p=3$SALT$HASH` (unpadded base64), which other tools write too. */

/** What OWASP recommends for scrypt where memory counts: 32 MB and about 0.2 s of one core. */
const COST = { ln: 15, r: 8, p: 3 };
const USUAL = `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$`;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** A stored password taken apart. */
export interface PasswordHash {
  readonly options: ScryptOptions;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The text to store for a password. Takes about 0.2 s. */
export function hashPassword(password: string): string {
  const salt = randomBytes(SALT_BYTES);
  const hash = scryptSync(password, salt, HASH_BYTES, optionsOf(COST.ln, COST.r, COST.p));
  return `${USUAL}${unpadded(salt)}$${unpadded(hash)}`;
}

/**
 * A hash that no password has, which costs as much as those that are stored: whoever has no name here must not be told
 * from whoever has one by the time that it takes. Where they differ in cost, it is the cost of most of them.
 */
export function hashOfNobody(stored: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const each of stored) counts.set(costOf(each), (counts.get(costOf(each)) ?? 0) + 1);
  const [usual] = [...counts].reduce((a, b) => (b[1] > a[1] ? b : a), [costOf(USUAL), 0]);
  return `$scrypt$${usual}$${'A'.repeat(22)}$${'A'.repeat(43)}`;
}

const costOf = (hash: string): string => hash.split('$')[2] ?? '';

/** Reads a stored password; the schema has checked it. */
export function parsePasswordHash(text: string): PasswordHash {
  const [, ln, r, p, salt = '', hash = ''] =
    /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/.exec(text) ?? [];
  return {
    options: optionsOf(Number(ln), Number(r), Number(p)),
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

/** Whether it is that password. Takes as long as the hash is dear: nothing for an event loop. */
export function isPassword(password: string, stored: PasswordHash): boolean {
  const computed = scryptSync(password, stored.salt, stored.hash.length, stored.options);
  return timingSafeEqual(computed, stored.hash);
}

const optionsOf = (ln: number, r: number, p: number): ScryptOptions => ({
  N: 2 ** ln,
  r,
  p,
  // Node's own bound (32 MB) is just too small for our cost; the schema bounds what a hash may ask for.
  maxmem: 128 * r * (2 ** ln + p + 2),
});

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');
