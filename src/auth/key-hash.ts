import { hash as hashOnce, randomInt, timingSafeEqual } from 'node:crypto';

/**
 * API keys and how they are stored. A key is `sk_PREFIX_SECRET` in base62: 8 visible characters that it is found by,
 * and 32 secret ones (190 bits). A plain salted hash is enough for those: nobody can try them out.
 */

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PREFIX_LENGTH = 8;
const SECRET_LENGTH = 32;
const SALT_LENGTH = 16;

/** Longer texts are no keys: nothing a client sends may cost more than a key does. */
const LONGEST_KEY = 256;

const random = (length: number): string =>
  Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');

/** A stored key taken apart. */
export interface KeyHash {
  readonly prefix: string;
  readonly salt: string;
  /** The characters of the hex digits of SHA-256 of `SALT:KEY`. */
  readonly digits: Buffer;
}

/** A new key, which nobody keeps, and the hash to store: `sha256:PREFIX:SALT:HEX`. */
export function newKey(): { readonly key: string; readonly hash: string; readonly prefix: string } {
  const prefix = random(PREFIX_LENGTH);
  const key = `sk_${prefix}_${random(SECRET_LENGTH)}`;
  const salt = random(SALT_LENGTH);
  return { key, prefix, hash: `sha256:${prefix}:${salt}:${digitsOf(key, salt)}` };
}

/** The visible part of a key of any origin: what stands between its first two `_`; null = not a key. */
export function prefixOf(key: string): string | null {
  if (key.length > LONGEST_KEY) return null;
  const start = key.indexOf('_') + 1;
  const end = key.indexOf('_', start);
  return start > 0 && end > start ? key.slice(start, end) : null;
}

/** Reads `sha256:PREFIX:SALT:HEX`; the schema has checked it. */
export function parseKeyHash(hash: string): KeyHash {
  const [, prefix = '', salt = '', hex = ''] = hash.split(':');
  return { prefix, salt, digits: Buffer.from(hex, 'latin1') };
}

/** Whether the key is the one that was stored; takes the same time for every key of one length. */
export function fits(key: string, { salt, digits }: KeyHash): boolean {
  const computed = Buffer.from(digitsOf(key, salt), 'latin1');
  return computed.length === digits.length && timingSafeEqual(computed, digits);
}

/** As hex text: a quarter of what a Buffer of the digest costs. */
const digitsOf = (key: string, salt: string): string => hashOnce('sha256', `${salt}:${key}`, 'hex');
