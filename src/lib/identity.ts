import type { Headers, Identity } from '../contracts/http.ts';
import { flat } from './flat.ts';

/** What an authenticator knows of the caller; what is left out is not known. */
export type Known = Partial<Omit<Identity, 'fields'>>;

/** Printable ASCII, no space at its ends: what survives as a field value on every origin. */
const TELLABLE = /^[!-~](?:[ -~]*[!-~])?$/;

/**
 * An identity with the fields that tell the upstream of it. A value that is not printable ASCII is left out; a
 * claim that is sent as `x-user-id` or `x-consumer-id` takes the place of the gateway's own.
 */
export function makeIdentity(known: Known): Identity {
  const { consumer = null, user = null, groups = [], scopes = [], keyId = null, tokenId = null } = known;
  const { claims = [] } = known;
  const own: Headers = [];
  if (consumer !== null) own.push('x-consumer-id', consumer);
  if (user !== null) own.push('x-user-id', user);
  const fields = linesOf([...claims, ...own]);
  return Object.freeze({ consumer, user, groups, scopes, keyId, tokenId, claims, fields });
}

/** Who one caller is by two credentials: what the first does not tell is taken from the second, groups and scopes add up. */
export function mergeIdentities(first: Identity, second: Identity): Identity {
  return makeIdentity({
    consumer: first.consumer ?? second.consumer,
    user: first.user ?? second.user,
    groups: [...new Set([...first.groups, ...second.groups])],
    scopes: [...new Set([...first.scopes, ...second.scopes])],
    keyId: first.keyId ?? second.keyId,
    tokenId: first.tokenId ?? second.tokenId,
    claims: [...first.claims, ...second.claims],
  });
}

/** The first of each name counts. */
function linesOf(list: Headers): string {
  const seen = new Set<string>();
  let lines = '';
  for (let i = 0; i < list.length; i += 2) {
    const name = list[i]!;
    const value = list[i + 1]!;
    if (seen.has(name) || !TELLABLE.test(value)) continue;
    seen.add(name);
    lines += `${name}: ${value}\r\n`;
  }
  return flat(lines);
}
