import { createHash } from 'node:crypto';

/** Longer names are hashed: a client may choose them, and both this process and Redis keep them. */
const LONGEST = 96;

/** The name of a key as it is kept. */
export const shortName = (name: string): string =>
  name.length <= LONGEST ? name : createHash('sha256').update(name).digest('base64url');

/** A whole number that belongs to a name (FNV-1a), not negative, the same everywhere. */
export function saltOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash >>> 1;
}
