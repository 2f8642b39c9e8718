import { normaliseIp } from '../lib/cidr.ts';
import type { UwsResponse } from './uws-types.ts';

const KNOWN_MAX = 10_000;
const known = new Map<number, string>();
let lastKey = 0;
let lastText = '';

/**
 * Text of the peer's address. The addon asks the kernel on every call, so it is asked once per request,
 * in binary; the text of an IPv4 address is remembered.
 */
export function peerAddress(res: UwsResponse): string {
  const bytes = new Uint8Array(res.getRemoteAddress());
  if (bytes.length !== 4)
    return normaliseIp(Buffer.from(res.getRemoteAddressAsText()).toString('latin1')) ?? 'unknown';
  const key = (bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!;
  // Behind a load balancer, and on a busy connection, the peer is often the one before.
  if (key === lastKey && lastText !== '') return lastText;
  let text = known.get(key);
  if (text === undefined) {
    // Hostile variety costs a rebuild now and then, never memory.
    if (known.size >= KNOWN_MAX) known.clear();
    text = `${bytes[0]!}.${bytes[1]!}.${bytes[2]!}.${bytes[3]!}`;
    known.set(key, text);
  }
  lastKey = key;
  return (lastText = text);
}
